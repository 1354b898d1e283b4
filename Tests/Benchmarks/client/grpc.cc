// Unary calls by gRPC C++, to be measured beside libcdt's: so many, so many of them at once, on one connection. One at
// a time by the blocking stub, several by the callback API.
//
//     grpc HOST:PORT CALLS AT_ONCE
//
// Prints the seconds that went by and the CPU seconds of this process, without connecting. Ends with 1 when a call
// fails.
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "grpc/testing/test.grpc.pb.h"

namespace {

using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::TestService;

constexpr int kSmall = 125;  // bytes of payload in a reply, like a small team
// As libcdt gives a call that names none.
constexpr auto kDeadline = std::chrono::seconds(30);

std::unique_ptr<TestService::Stub> stub;
SimpleRequest request;

double Elapsed() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double Spent() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void Check(const grpc::Status &status, const SimpleResponse &reply) {
    if (status.ok() && reply.payload().body().size() == kSmall) return;
    std::fprintf(stderr, "grpc: a call failed: %s\n", status.error_message().c_str());
    std::_Exit(1);
}

void CallOnce() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    SimpleResponse reply;
    const grpc::Status status = stub->UnaryCall(&context, request, &reply);
    Check(status, reply);
}

// Keeps so many calls under way until all are done.
class Callers {
public:
    Callers(long wanted, long at_once) : wanted_(wanted), at_once_(at_once) {}

    void Run() {
        for (long i = 0; i < at_once_ && i < wanted_; i++) Start();
        std::unique_lock<std::mutex> lock(mutex_);
        all_done_.wait(lock, [this] { return done_ == wanted_; });
    }

private:
    struct Call {
        grpc::ClientContext context;
        SimpleResponse reply;
    };

    void Start() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            if (started_ == wanted_) return;
            started_++;
        }
        auto *call = new Call;
        call->context.set_deadline(std::chrono::system_clock::now() + kDeadline);
        stub->async()->UnaryCall(&call->context, &request, &call->reply, [this, call](grpc::Status status) {
            Check(status, call->reply);
            delete call;
            Start();
            std::lock_guard<std::mutex> lock(mutex_);
            if (++done_ == wanted_) all_done_.notify_one();
        });
    }

    const long wanted_, at_once_;
    std::mutex mutex_;
    std::condition_variable all_done_;
    long started_ = 0, done_ = 0;
};

}  // namespace

int main(int argc, char **argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: grpc HOST:PORT CALLS AT_ONCE\n");
        return 64;
    }
    stub = TestService::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
    request.set_response_size(kSmall);
    const long wanted = std::atol(argv[2]), at_once = std::atol(argv[3]);
    CallOnce();
    const double begun = Elapsed(), before = Spent();
    if (at_once <= 1) {
        for (long done = 0; done < wanted; done++) CallOnce();
    } else {
        Callers(wanted, at_once).Run();
    }
    std::printf("%.9f %.6f\n", Elapsed() - begun, Spent() - before);
}
