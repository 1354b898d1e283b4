# Calls grpc.testing.TestService with the official Ruby client and prints the details of the error.
# Usage: rich_error.rb PORT
require 'grpc'
require 'grpc/google_rpc_status_utils'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
$LOAD_PATH.unshift File.join(Gem::Specification.find_by_name('grpc').gem_dir, 'src/ruby/pb')
require 'src/proto/grpc/testing/test_services_pb'

stub = Grpc::Testing::TestService::Stub.new("127.0.0.1:#{ARGV[0]}", :this_channel_is_insecure)
status = Grpc::Testing::EchoStatus.new(code: 9, message: 'The team is full.')
begin
  stub.unary_call(Grpc::Testing::SimpleRequest.new(response_status: status),
                  metadata: { 'x-test-details' => '1' }, deadline: Time.now + 20)
rescue GRPC::BadStatus => e
  name = GRPC::Core::StatusCodes.constants.find { |c| GRPC::Core::StatusCodes.const_get(c) == e.code }
  details = GRPC::GoogleRpcStatusUtils.extract_google_rpc_status(e.to_status).details
  info = details[0].unpack(Google::Rpc::ErrorInfo)
  text = details[2].unpack(Google::Rpc::LocalizedMessage)
  puts "#{name} #{e.details}", "#{info.reason} #{info.domain} #{info.metadata['limit']}", "#{text.locale} #{text.message}"
end
