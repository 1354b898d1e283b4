# gRPC's case cancel_after_begin with the official Ruby client: as client.rb has it, where the call is cancelled before
# the client has even connected, and once more when its handler has begun, so that the server sees it.
# Usage: cancel_after_begin.rb SERVER_LOG, then the options of client.rb.
log = ARGV.shift
load File.join(Gem::Specification.find_by_name('grpc').gem_dir, 'src/ruby/pb/test/client.rb')

options = parse_args
stub = create_stub(options)
NamedTests.new(stub, options).cancel_after_begin

cancelled = Queue.new
requests = Enumerator.new do |all|
  all << Grpc::Testing::StreamingInputCallRequest.new(payload: Grpc::Testing::Payload.new(body: nulls(27_182)))
  cancelled.pop
end
call = stub.streaming_input_call(requests, return_op: true)
outcome = Thread.new do
  call.execute
  'OK'
rescue GRPC::BadStatus => e
  e.class.name
end
begun = (1..3000).any? { sleep 0.01; File.readlines(log, chomp: true).include?('begun StreamingInputCall') }
call.cancel
cancelled.push(nil)
abort 'the server never told of the call' unless begun
abort "the call ended with #{outcome.value}" unless outcome.value == 'GRPC::Cancelled' && call.cancelled?
