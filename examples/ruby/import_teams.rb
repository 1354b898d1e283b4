#!/usr/bin/env ruby
# Imports teams.csv and members.csv into the Registry, and prints a verdict for every row.
#
# Broken off and run again, it goes on where it stopped; run again after the end, it changes nothing.
# Needs the generated messages (ruby -I MESSAGES): examples/README.md says how to make them.
require 'csv'
require 'optparse'
require 'grpc'
require 'grpc/google_rpc_status_utils'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
require 'cdt/registry/v1/import_service_services_pb'
include Cdt::Registry::V1

# The words of the files, in the order of the contract's enums; empty: not given.
LEVELS = ['', 'xa', 'thon'].freeze
ROLES = ['', 'tổ trưởng', 'tổ phó', 'thành viên'].freeze
SEXES = ['', 'nữ', 'nam'].freeze
OCCUPATIONS = ['', 'cán bộ', 'giáo viên', 'công an viên', 'nhân viên y tế', 'đoàn thể',
               'doanh nghiệp viễn thông – công nghệ thông tin', 'người dân có kỹ năng sử dụng công nghệ số'].freeze

def number(words, word) = words.index(word.to_s) || abort("unknown word: #{word}; write one of #{words}")

def team(f)
  decided = !f['decision'].to_s.empty? # without an establishing decision no allowance is due
  decision = Cdt::Common::V1::LegalDocument.new(number: f['decision'], issued_on: f['established']) if decided
  { team: TeamRow.new(external_id: f['team_id'], level: number(LEVELS, f['level']), display_name: f['name'],
                      hamlet: f['hamlet'].to_s, commune_code: f['commune_code'], province_code: f['province_code'],
                      established: f['established'], decision: decision) }
end

def member(f)
  { member: MemberRow.new(external_id: f['member_id'], team_external_id: f['team_id'], role: number(ROLES, f['role']),
                          full_name: f['full_name'], sex: number(SEXES, f['sex']), birth: f['birth_year'].to_s,
                          phones: f['phone'].to_s.split, email: f['email'].to_s,
                          occupation: number(OCCUPATIONS, f['occupation']),
                          organisations: f['youth_union'] == '1' ? ['Đoàn Thanh niên'] : []) }
end

# The rows, numbered over both files, teams first. The same files give the same numbers: so it can go on.
def read(folder)
  files = { 'teams.csv' => :team, 'members.csv' => :member }
  lines = files.flat_map do |file, make|
    CSV.foreach(File.join(folder, file), 'r:bom|utf-8', headers: true).with_index(2).map do |fields, line|
      ["#{file}:#{line}", send(make, fields)]
    end
  end
  [lines.map.with_index(1) { |(_, row), n| ImportRow.new(row_number: n, **row) }, lines.map(&:first)]
end

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

# Where the Registry is and who calls it, as every call wants it.
def connect(options)
  credentials = GRPC::Core::ChannelCredentials.new(File.read(options[:authorities])) if options[:authorities]
  token = { 'authorization' => "Bearer #{File.read(options[:'token-file']).strip}" } if options[:'token-file']
  [ImportService::Stub.new(options[:registry], credentials || :this_channel_is_insecure), token || {}]
end

# One stream: the header, `started`, the rows, their verdicts. True when rows were rejected.
def stream(options, rows, places)
  state = options[:'batch-file']
  started = Queue.new
  tell = lambda do |v|
    puts [places[v.row_number - 1], v.outcome.to_s.delete_prefix('ROW_OUTCOME_'), v.name].join("\t")
    v.problems.each { |p| puts ['', p.reason, p.field, p.description].join("\t") }
    v.outcome == :ROW_OUTCOME_REJECTED
  end
  header = ImportHeader.new(mode: :IMPORT_MODE_COMMIT, source_system: options[:source],
                            code_date: options[:'code-date'], batch: File.exist?(state) ? File.read(state) : '')
  requests = Enumerator.new do |out|
    out << ImportRowsRequest.new(header: header)
    rows.drop(started.pop).each_slice(500) do |some| # a few hundred rows in a message are best
      out << ImportRowsRequest.new(rows: ImportRowBatch.new(rows: some))
    end
  end
  service, token = connect(options)
  rejected = false
  service.import_rows(requests, metadata: token).each do |answer|
    case answer.content
    when :started
      batch, after = answer.started.batch, answer.started.resume_after_row
      File.write(state, batch) # before any row is sent, so that it can be gone on with
      warn "#{batch}, after row #{after}"
      page = nil # problems of the rows before, whose verdicts may have been lost with the stream
      while after.positive? && (page.nil? || page.next_page_token != '')
        page = service.list_import_problems(
          ListImportProblemsRequest.new(parent: batch, page_token: page&.next_page_token.to_s), metadata: token)
        page.verdicts.each { |v| rejected |= tell.call(v) if v.row_number <= after }
      end
      started.push(after)
    when :verdicts then answer.verdicts.verdicts.each { |v| rejected |= tell.call(v) }
    when :summary
      warn answer.summary.to_h
      File.delete(state)
    end
  end
  rejected
ensure
  started.push(rows.size) # a sender that still waits sends nothing
end

options = { registry: ENV.fetch('CDT_REGISTRY', '127.0.0.1:50051'), 'batch-file': 'import.batch',
            'token-file': ENV['CDT_TOKEN_FILE'], authorities: ENV['CDT_AUTHORITIES'] }
parser = OptionParser.new("Imports teams and members, a verdict for every row.\n\nUsage: import_teams.rb FOLDER …\n")
parser.on('--source NAME', 'name of your system; ids in the files are keys in it')
parser.on('--code-date YYYY-MM-DD', 'the day whose commune codes the files use')
parser.on('--batch-file FILE', 'keeps the name of an import that is not finished (import.batch)')
parser.on('--registry HOST:PORT', 'CDT_REGISTRY; 127.0.0.1:50051')
parser.on('--token-file FILE', 'CDT_TOKEN_FILE')
parser.on('--authorities FILE', 'PEM, for TLS; CDT_AUTHORITIES')
parser.separator("\nExit codes: 0 all rows are stored; 1 some or all were refused; 64 usage; 75 try again later.")
begin
  parser.parse!(into: options)
  folder, = ARGV
  given = folder && options[:source] && options[:'code-date']
  raise OptionParser::MissingArgument, 'FOLDER, --source or --code-date' unless given
rescue OptionParser::ParseError => e
  warn e.message, parser.help
  exit 64
end
rows, places = read(folder)
[0.2, 1, 5, 20, nil].each do |wait|
  exit stream(options, rows, places) ? 1 : 0
rescue GRPC::BadStatus => e
  warn explain(e)
  exit 1 unless e.is_a?(GRPC::Unavailable)
  exit 75 unless wait
  sleep wait
end
