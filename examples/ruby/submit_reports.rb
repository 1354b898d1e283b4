#!/usr/bin/env ruby
# Submits a month of reports out of a CSV file that has one row for each member.
#
# The obligations say who owes a report: a member, or a team as a whole, whose members' rows are then added. Each is
# sent under an operation id made from its obligation. So run again, also after it was killed, it does nothing twice.
# Needs the generated messages (ruby -I MESSAGES): examples/README.md says how to make them.
require 'csv'
require 'date'
require 'optparse'
require 'grpc'
require 'grpc/google_rpc_status_utils'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
require 'cdt/activity/v1/activity_reporting_service_services_pb'
require 'cdt/registry/v1/import_service_services_pb'
require 'cdt/registry/v1/registry_service_services_pb'
include Cdt::Activity::V1
include Cdt::Registry::V1

# Columns, in the order of the contract's five skills from 1 on.
SKILLS = %w[public_services online_shopping online_payment online_safety other_platforms].freeze
COUNTERS = { 'group_sessions' => 'sessions', 'households_visited' => 'households' }.freeze
# Worth another try: the service is away or busy, or it is not known whether it has stored what was sent. Only because
# the operation id makes the second time harmless may the last two be tried again.
AGAIN = [GRPC::Unavailable, GRPC::ResourceExhausted, GRPC::DeadlineExceeded, GRPC::Unknown].freeze

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

# Calls a method of a stub until it is answered or there is no hope; a stream's answer is the list of its messages.
def call(options, stub, method, request, attempts = 8)
  tries ||= 0
  tries += 1
  token = options[:'token-file'] ? { 'authorization' => "Bearer #{File.read(options[:'token-file']).strip}" } : {}
  answer = stub.send(method, request, metadata: token, deadline: Time.now + 60)
  answer.is_a?(Enumerator) ? answer.to_a : answer
rescue *AGAIN => e
  raise if tries == attempts

  asked = details(e, Google::Rpc::RetryInfo).map { |i| i.retry_delay.to_f }.first
  wait = asked || rand(0.1..[20, 0.2 * 2**tries].min)
  warn format('%s: again in %.1f s', e.class.name.split('::').last, wait)
  sleep wait
  retry
end

# The report of a member, or of a team: then its members' rows are added.
def submission(obligation, rows, options)
  sum = ->(column) { rows.sum { |row| row[column].to_i } }
  activities = SKILLS.each.with_index(1).filter_map do |column, skill|
    next unless sum[column].positive?

    Activity.new(skill: skill, beneficiary: :BENEFICIARY_KIND_RESIDENT, channel: :ACTIVITY_CHANNEL_HOME_VISIT,
                 count: sum[column], platform: skill == Skill::SKILL_LOCAL_PLATFORM ? options[:platform] : '')
  end
  counters = COUNTERS.map do |code, column|
    Counter.new(code: code, kind: :COUNTER_KIND_FLOW, value: sum[column], qualifier: :QUALIFIER_EXACT)
  end
  report = Report.new(team: obligation.team, person: obligation.person, period: options[:month], activities: activities,
                      counters: counters, source: :REPORT_SOURCE_IMPORT,
                      declared_on: rows.map { |row| row['submitted_on'] }.min)
  ReportSubmission.new(operation_id: "#{options[:source]}:#{obligation.name}", report: report)
end

def submit(file, options)
  rows = CSV.foreach(file, 'r:bom|utf-8', headers: true).reject { |row| row['submitted_on'].to_s.empty? }
            .to_h { |row| [row['member_id'], row] }
  credentials = GRPC::Core::ChannelCredentials.new(File.read(options[:authorities])) if options[:authorities]
  credentials ||= :this_channel_is_insecure
  registry = RegistryService::Stub.new(options[:registry], credentials)
  imports = ImportService::Stub.new(options[:registry], credentials)
  activity = ActivityReportingService::Stub.new(options[:activity], credentials)

  # A code means something only together with a date: here the month's last day.
  day = Date.strptime(options[:month], '%Y-%m').next_month.prev_day.to_s
  code = ResolveUnitCodeRequest.new(code: options[:unit], date: day)
  unit = call(options, registry, :resolve_unit_code, code).unit.name
  members = Hash.new { |known, subject| known[subject] = [] } # the rows by team and person, as the suite names them
  export = ExportMembersRequest.new(unit: unit, date: day, source_system: options[:source])
  call(options, imports, :export_members, export).each do |part|
    part.rows.zip(part.names, part.people) do |row, name, person|
      next unless (mine = rows[row.external_id])

      team = name.split('/memberships/').first
      members[[team, '']] << mine
      members[[team, person]] << mine
    end
  end

  counts = Hash.new(0)
  page = nil
  while page.nil? || page.next_page_token != ''
    page = call(options, activity, :list_obligations, ListObligationsRequest.new(
      period: options[:month], unit: unit, page_size: 500, page_token: page&.next_page_token.to_s))
    due = page.obligations.select { |o| members.key?([o.team, o.person]) }
    answer = call(options, activity, :sync_reports, SyncReportsRequest.new(
      submissions: due.map { |o| submission(o, members[[o.team, o.person]], options) }))
    answer.verdicts.each do |v|
      outcome = v.outcome.to_s.delete_prefix('SUBMIT_OUTCOME_')
      counts[outcome] += 1
      v.problems.each { |p| puts [v.operation_id, outcome, p.reason, p.field, p.description].join("\t") }
    end
  end
  puts counts.sort.flatten.join(' ')
  (counts.keys - %w[APPLIED DUPLICATE]).empty? ? 0 : 1
end

options = { registry: ENV.fetch('CDT_REGISTRY', '127.0.0.1:50051'), platform: 'local',
            activity: ENV.fetch('CDT_ACTIVITY', '127.0.0.1:50052'),
            'token-file': ENV['CDT_TOKEN_FILE'], authorities: ENV['CDT_AUTHORITIES'] }
parser = OptionParser.new("Submits a month of reports.\n\nUsage: submit_reports.rb FILE …\n")
parser.on('--month YYYY-MM', 'the month of the reports')
parser.on('--unit CODE', "national code of the unit, as on the month's last day")
parser.on('--source NAME', 'name of your system, as when the members were imported')
parser.on('--platform NAME', 'what the column other_platforms counts (local)')
parser.on('--registry HOST:PORT', 'CDT_REGISTRY; 127.0.0.1:50051')
parser.on('--activity HOST:PORT', 'CDT_ACTIVITY; 127.0.0.1:50052')
parser.on('--token-file FILE', 'CDT_TOKEN_FILE')
parser.on('--authorities FILE', 'PEM, for TLS; CDT_AUTHORITIES')
parser.separator("\nExit codes: 0 all reports are there; 1 some or all were refused; 64 usage; 75 try again later.")
begin
  parser.parse!(into: options)
  given = ARGV[0] && options[:month] && options[:unit] && options[:source]
  raise OptionParser::MissingArgument, 'FILE, --month, --unit or --source' unless given
rescue OptionParser::ParseError => e
  warn e.message, parser.help
  exit 64
end
begin
  exit submit(ARGV[0], options)
rescue GRPC::BadStatus => e
  warn explain(e)
  exit AGAIN.any? { |kind| e.is_a?(kind) } ? 75 : 1
end
