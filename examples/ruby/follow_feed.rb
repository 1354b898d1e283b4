#!/usr/bin/env ruby
# Follows the Registry's change feed into a SQLite file: the teams as they are now, and every change once.
#
# What a response says and its cursor are stored in one transaction. So killed at any moment and started again, it
# misses nothing and does nothing twice. What you do with a change belongs into the same transaction.
# Needs the generated messages (ruby -I MESSAGES): examples/README.md says how to make them.
require 'optparse'
require 'sqlite3'
require 'grpc'
require 'grpc/google_rpc_status_utils'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
require 'cdt/feed/v1/feed_services_pb'
require 'cdt/registry/v1/events_pb'

TOPIC = 'registry.facts'
TABLES = <<~SQL
  create table if not exists cursor (topic text primary key, cursor text not null);
  create table if not exists team (name text primary key, version integer not null, display_name text not null);
  create table if not exists change (sequence integer not null, name text not null, version integer not null);
SQL

# The details of a kind that an error carries.
def details(error, kind)
  status = GRPC::GoogleRpcStatusUtils.extract_google_rpc_status(error.to_status)
  (status ? status.details : []).select { |detail| detail.is(kind) }.map { |detail| detail.unpack(kind) }
end

# What an error tells: its reason, every field at fault, and the same in Vietnamese.
def explain(error)
  ["#{error.class.name.split('::').last}: #{error.details}",
   *details(error, Google::Rpc::ErrorInfo).map { |i| "  reason #{i.reason} (#{i.domain}) #{i.metadata.to_h}" },
   *details(error, Google::Rpc::BadRequest).flat_map(&:field_violations)
                                           .map { |v| "  field #{v.field}: #{v.description}" },
   *details(error, Google::Rpc::PreconditionFailure).flat_map(&:violations)
                                                    .map { |v| "  #{v.type} #{v.subject}: #{v.description}" },
   *details(error, Google::Rpc::LocalizedMessage).map { |t| "  #{t.locale}: #{t.message}" }].join("\n")
end

# One change. An event carries the whole state, so a version that is not newer than ours says nothing new.
def apply(event, database)
  return unless event.aggregate.match?(%r{\Ateams/[^/]+\z})

  known = database.get_first_row('select version, display_name from team where name = ?', [event.aggregate])
  if event.tombstone # it has left what we may see
    database.execute('delete from team where name = ?', [event.aggregate])
  else
    return if known && known[0] >= event.version

    fact = event.payload.unpack(Cdt::Registry::V1::TeamFact)
    database.execute('insert or replace into team values (?, ?, ?)',
                     [event.aggregate, event.version, fact.display_name])
    return if known == [0, fact.display_name] # read again after a new beginning, and nothing new
  end
  database.execute('insert into change values (?, ?, ?)', [event.sequence, event.aggregate, event.version])
end

# The history no longer reaches our cursor: all is read again. Version 0: not seen again yet.
def begin_anew(database)
  database.transaction do
    database.execute('update team set version = 0')
    database.execute('delete from cursor')
  end
end

# One stream, from the stored cursor on; returns when caught up, if that is what was asked for.
def follow(options, database)
  token = options[:'token-file'] ? { 'authorization' => "Bearer #{File.read(options[:'token-file']).strip}" } : {}
  credentials = GRPC::Core::ChannelCredentials.new(File.read(options[:authorities])) if options[:authorities]
  # A connection that died without a word is found out by keepalive.
  alive = { 'grpc.keepalive_time_ms' => 60_000, 'grpc.keepalive_timeout_ms' => 20_000 }
  feed = Cdt::Feed::V1::FeedService::Stub.new(
    options[:registry], credentials || :this_channel_is_insecure, channel_args: alive)
  cursor = database.get_first_value('select cursor from cursor where topic = ?', [TOPIC])
  request = Cdt::Feed::V1::FollowRequest.new(topic: TOPIC, cursor: cursor.to_s, max_batch: options[:batch])
  call = feed.follow(request, metadata: token, return_op: true)
  call.execute.each do |response|
    database.transaction do # all of it, or nothing
      response.events.each { |event| apply(event, database) }
      if response.caught_up # after a new beginning: what was not seen again is gone
        database.execute('insert into change select 0, name, 0 from team where version = 0')
        database.execute('delete from team where version = 0')
      end
      database.execute('insert or replace into cursor values (?, ?)', [TOPIC, response.cursor])
    end
    puts "#{response.events.size} events applied" unless response.events.empty?
    options[:failures] = 0
    return call.cancel if response.caught_up && options[:once]
  end
end

options = { registry: ENV.fetch('CDT_REGISTRY', '127.0.0.1:50051'), batch: 0, failures: 0,
            'token-file': ENV['CDT_TOKEN_FILE'], authorities: ENV['CDT_AUTHORITIES'] }
parser = OptionParser.new("Follows the Registry's change feed into SQLite.\n\nUsage: follow_feed.rb DATABASE …\n")
parser.on('--once', 'end when nothing newer is there, for a timer')
parser.on('--batch N', Integer, 'at most so many events in one transaction')
parser.on('--registry HOST:PORT', 'CDT_REGISTRY; 127.0.0.1:50051')
parser.on('--token-file FILE', 'CDT_TOKEN_FILE')
parser.on('--authorities FILE', 'PEM, for TLS; CDT_AUTHORITIES')
parser.separator("\nExit codes: 0 caught up (--once); 1 refused; 64 usage; 75 try again later.")
begin
  parser.parse!(into: options)
  raise OptionParser::MissingArgument, 'DATABASE' unless ARGV[0]
rescue OptionParser::ParseError => e
  warn e.message, parser.help
  exit 64
end
$stdout.sync = true
database = SQLite3::Database.new(ARGV[0])
database.busy_timeout = 10_000
database.execute_batch(TABLES)
loop do
  follow(options, database)
  exit if options[:once]
rescue GRPC::BadStatus => e
  options[:failures] += 1
  warn explain(e)
  case e
  when GRPC::OutOfRange then begin_anew(database) # CURSOR_EXPIRED
  when GRPC::Unauthenticated
    exit 1 if options[:failures] > 1 # at first: the token ended the stream with it; the file may hold a new one
  when GRPC::Unavailable, GRPC::ResourceExhausted then exit 75 if options[:failures] == 8
  else exit 1
  end
  asked = details(e, Google::Rpc::RetryInfo).map { |i| i.retry_delay.to_f }.first
  sleep asked || rand(0.1..[20, 0.2 * 2**options[:failures]].min)
end
