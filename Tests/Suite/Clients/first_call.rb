# Calls the Registry with the official Ruby client. Usage: ruby -I MESSAGES first_call.rb HOST:PORT
require 'grpc'
require 'grpc/google_rpc_status_utils'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
require 'cdt/registry/v1/units_pb'

Request = Cdt::Registry::V1::ResolveUnitCodeRequest
Response = Cdt::Registry::V1::ResolveUnitCodeResponse
stub = GRPC::ClientStub.new(ARGV[0], :this_channel_is_insecure)
resolve = lambda do |code, date|
  stub.request_response('/cdt.registry.v1.RegistryService/ResolveUnitCode', Request.new(code: code, date: date),
                        ->(message) { Request.encode(message) }, ->(bytes) { Response.decode(bytes) },
                        deadline: Time.now + 20)
end
%w[2025-06-30 2025-07-01].each { |date| puts "#{date} #{resolve.call('15', date).unit.display_name}" }
begin
  resolve.call('10', '2025-07-01')
rescue GRPC::BadStatus => e
  details = GRPC::GoogleRpcStatusUtils.extract_google_rpc_status(e.to_status).details
  info = details.find { |detail| detail.is(Google::Rpc::ErrorInfo) }.unpack(Google::Rpc::ErrorInfo)
  puts "#{info.reason} #{info.domain} #{info.metadata['lastName']}"
end
