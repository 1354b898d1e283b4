// gRPC C++ with its callback API, to be measured beside our server: the measured methods of grpc.testing.TestService.
//
//   server PORT [CERTIFICATE KEY]
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "grpc/testing/test.grpc.pb.h"

namespace {

using grpc::CallbackServerContext;
using grpc::Status;
using namespace grpc::testing;

// Writes one message for each of the request's parameters, the next when the last is out.
class Download final : public grpc::ServerWriteReactor<StreamingOutputCallResponse> {
public:
    explicit Download(const StreamingOutputCallRequest &request) : request_(request) { Next(); }

    void OnWriteDone(bool ok) override { ok ? Next() : Finish(Status::CANCELLED); }
    void OnDone() override { delete this; }

private:
    void Next() {
        if (next_ == request_.response_parameters_size()) return Finish(Status::OK);
        const int size = request_.response_parameters(next_++).size();
        message_.mutable_payload()->mutable_body()->assign(size, '\0');
        StartWrite(&message_);
    }

    const StreamingOutputCallRequest &request_;
    StreamingOutputCallResponse message_;
    int next_ = 0;
};

class Upload final : public grpc::ServerReadReactor<StreamingInputCallRequest> {
public:
    explicit Upload(StreamingInputCallResponse *reply) : reply_(reply) { StartRead(&message_); }

    void OnReadDone(bool ok) override {
        if (ok) {
            total_ += message_.payload().body().size();
            StartRead(&message_);
        } else {
            reply_->set_aggregated_payload_size(static_cast<int>(total_));
            Finish(Status::OK);
        }
    }
    void OnDone() override { delete this; }

private:
    StreamingInputCallResponse *reply_;
    StreamingInputCallRequest message_;
    size_t total_ = 0;
};

class BenchService final : public TestService::CallbackService {
    grpc::ServerUnaryReactor *UnaryCall(CallbackServerContext *context, const SimpleRequest *request,
                                        SimpleResponse *reply) override {
        reply->mutable_payload()->mutable_body()->assign(request->response_size(), '\0');
        auto *reactor = context->DefaultReactor();
        reactor->Finish(Status::OK);
        return reactor;
    }

    grpc::ServerWriteReactor<StreamingOutputCallResponse> *StreamingOutputCall(
        CallbackServerContext *, const StreamingOutputCallRequest *request) override {
        return new Download(*request);
    }

    grpc::ServerReadReactor<StreamingInputCallRequest> *StreamingInputCall(
        CallbackServerContext *, StreamingInputCallResponse *reply) override {
        return new Upload(reply);
    }
};

std::string Contents(const char *path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

}  // namespace

int main(int argc, char **argv) {
    auto credentials = grpc::InsecureServerCredentials();
    if (argc == 4) {
        grpc::SslServerCredentialsOptions options;
        options.pem_key_cert_pairs.push_back({Contents(argv[3]), Contents(argv[2])});
        credentials = grpc::SslServerCredentials(options);
    }
    BenchService service;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], credentials);
    builder.RegisterService(&service);
    auto server = builder.BuildAndStart();
    if (!server) return 1;
    server->Wait();
}
