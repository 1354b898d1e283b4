// Drives a server with unary calls as gRPC C++ sends them, with the options and in the words of h2load:
//
//     calls -n CALLS -c CONNECTIONS -m STREAMS -d BODY [-H 'name: value']… [--rps=N] [--log-file=FILE] [--http]
//           http://127.0.0.1:PORT/PATH
//
// h2load Huffman-codes the value of `authorization` on each call, which no gRPC client was found to do: those of gRPC Core
// (C++, Python, Ruby, …; seen: 1.85) send it as it is, a literal that is not indexed, and grpc-go (seen: 1.33) puts it into
// the dynamic table. Here it is sent as gRPC Core does, which costs a server more than the index does. Each answer must say
// `:status` 200 and `grpc-status` 0; --http asks for the first only.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "headers.h"

enum { SLOTS = 4096, WINDOW = (1 << 30) - 1, FRAME_HEAD = 9 };

typedef struct {
    int64_t due;  // 0: free
    int ok;       // :status
} Call;

typedef struct {
    int fd;
    uint32_t next_id;
    int open;
    int64_t send_window, received;
    nghttp2_hd_inflater *inflater;
    uint8_t *in, *out;
    size_t in_count, out_count, out_sent, out_room;
    Call calls[SLOTS];  // by half of the stream's id
} Connection;

static Bytes first, later;  // the first call's header block, and that of those that follow
static Bytes body;
static Connection *connections;
static int connection_count = 1, streams = 1, http_only;
static int64_t wanted = 1, started, done, data_bytes;
static double per_second;  // of all connections; 0: as fast as they are answered
static FILE *log_file;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// What is sent.

static void put_frame(Connection *to, uint8_t type, uint8_t flags, uint32_t stream, const void *bytes, size_t count) {
    if (to->out_count + FRAME_HEAD + count > to->out_room) {
        to->out_room = (to->out_room + FRAME_HEAD + count) * 2;
        if (!(to->out = realloc(to->out, to->out_room))) fail("out of memory");
    }
    uint8_t head[FRAME_HEAD] = {count >> 16,  count >> 8,   count,       type,  flags,
                                stream >> 24, stream >> 16, stream >> 8, stream};
    memcpy(to->out + to->out_count, head, FRAME_HEAD);
    if (count) memcpy(to->out + to->out_count + FRAME_HEAD, bytes, count);
    to->out_count += FRAME_HEAD + count;
}

static void put_window_update(Connection *to, uint32_t increment) {
    uint8_t bytes[4] = {increment >> 24, increment >> 16, increment >> 8, increment};
    put_frame(to, 8, 0, 0, bytes, 4);
}

static int can_start(const Connection *connection) {
    return started < wanted && connection->open < streams && connection->send_window >= (int64_t)body.count;
}

static void start(Connection *connection, int64_t due) {
    uint32_t id = connection->next_id;
    Call *call = &connection->calls[id / 2 % SLOTS];
    if (call->due) fail("a call is not answered while thousands after it are");
    *call = (Call){.due = due};
    Bytes *block = id == 1 ? &first : &later;
    put_frame(connection, 1, 4, id, block->bytes, block->count);
    put_frame(connection, 0, 1, id, body.bytes, body.count);
    connection->next_id += 2;
    connection->send_window -= (int64_t)body.count;
    connection->open++;
    started++;
}

static void send_out(Connection *connection) {
    while (connection->out_sent < connection->out_count) {
        const uint8_t *rest = connection->out + connection->out_sent;
        ssize_t sent = write(connection->fd, rest, connection->out_count - connection->out_sent);
        if (sent < 0 && errno == EAGAIN) return;  // the socket is watched for room all the time, at its edges
        if (sent < 0) fail("the server has closed a connection");
        connection->out_sent += (size_t)sent;
    }
    connection->out_sent = connection->out_count = 0;
}

// What is received.

static void read_headers(Connection *connection, Call *call, const uint8_t *block, size_t count, int is_last) {
    int status = http_only ? 0 : -1;
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(connection->inflater, &field, &flags, block, count, 1);
        if (used < 0) fail("a header block cannot be read");
        block += used;
        count -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            if (field.namelen == 7 && memcmp(field.name, ":status", 7) == 0)
                call->ok = field.valuelen == 3 && memcmp(field.value, "200", 3) == 0;
            if (field.namelen == 11 && memcmp(field.name, "grpc-status", 11) == 0)
                status = field.valuelen == 1 && field.value[0] == '0' ? 0 : 1;
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    }
    nghttp2_hd_inflate_end_headers(connection->inflater);
    if (is_last && (status != 0 || !call->ok)) fail("a call failed: its status is not 200 with grpc-status 0");
}

static void finish(Connection *connection, Call *call) {
    if (!call->ok) fail("an answer ends before its headers");
    if (log_file) {
        int64_t end = now();
        fprintf(log_file, "%lld\t200\t%lld\n", (long long)(call->due / 1000), (long long)((end - call->due) / 1000));
    }
    call->due = 0;
    connection->open--;
    done++;
}

static uint32_t number(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static void read_frame(Connection *connection, const uint8_t *head, const uint8_t *bytes, size_t count) {
    uint8_t type = head[3], flags = head[4];
    uint32_t id = number(head + 5) & 0x7fffffff;
    Call *call = &connection->calls[id / 2 % SLOTS];
    if (type <= 1 && (!call->due || id >= connection->next_id)) fail("an answer belongs to no call");
    size_t whole = count;
    if (type <= 1 && flags & 8) {  // PADDED
        if (!count || bytes[0] >= count) fail("the padding is longer than its frame");
        count -= 1 + (size_t)bytes[0];
        bytes++;
    }
    switch (type) {
    case 0:
        data_bytes += (int64_t)count;
        connection->received += (int64_t)whole;
        if (connection->received > WINDOW / 2) {
            put_window_update(connection, (uint32_t)connection->received);
            connection->received = 0;
        }
        if (flags & 1 && !http_only) fail("an answer ends without trailers");
        break;
    case 1:
        if (flags & 0x20 || !(flags & 4)) fail("headers with priorities or CONTINUATION are not understood");
        read_headers(connection, call, bytes, count, flags & 1);
        break;
    case 3: fail("a call was reset");
    case 4:
        if (flags & 1) break;
        for (size_t i = 0; i + 6 <= count; i += 6) {
            uint32_t value = number(bytes + i + 2);
            int name = bytes[i] << 8 | bytes[i + 1];
            uint32_t least = name == 1 ? 4096 : name == 3 ? (uint32_t)streams : name == 4 ? (uint32_t)body.count : 0;
            if (value < least)
                fail("the server's settings leave no room for these calls");
        }
        put_frame(connection, 4, 1, 0, NULL, 0);
        break;
    case 6:
        if (!(flags & 1)) put_frame(connection, 6, 1, 0, bytes, count);
        break;
    case 7: fail("the server sends us away");
    case 8:
        if (id == 0 && count == 4) connection->send_window += number(bytes) & 0x7fffffff;
        break;
    }
    if (type <= 1 && flags & 1) finish(connection, call);
}

static void receive(Connection *connection) {
    enum { ROOM = 1 << 18 };
    for (;;) {
        ssize_t got = read(connection->fd, connection->in + connection->in_count, ROOM - connection->in_count);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) fail("the server has closed a connection");
        connection->in_count += (size_t)got;
        size_t at = 0;
        while (connection->in_count - at >= FRAME_HEAD) {
            const uint8_t *head = connection->in + at;
            size_t count = (size_t)head[0] << 16 | head[1] << 8 | head[2];
            if (count > LARGEST_FRAME) fail("a frame is larger than announced");
            if (connection->in_count - at < FRAME_HEAD + count) break;
            read_frame(connection, head, head + FRAME_HEAD, count);
            at += FRAME_HEAD + count;
        }
        memmove(connection->in, connection->in + at, connection->in_count -= at);
        if (!per_second) {
            int64_t time = now();
            while (can_start(connection)) start(connection, time);
        }
        send_out(connection);
    }
}

static void open_connection(Connection *connection, int port, int epoll) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    *connection = (Connection){.fd = socket(AF_INET, SOCK_STREAM, 0), .next_id = 1, .send_window = 65535};
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) fail("nobody listens there");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    connection->in = malloc(1 << 18);
    connection->out_room = 1 << 16;
    connection->out = malloc(connection->out_room);
    if (!connection->in || !connection->out || nghttp2_hd_inflate_new(&connection->inflater)) fail("out of memory");
    const char *preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    memcpy(connection->out, preface, connection->out_count = strlen(preface));
    // No push; a window as large as h2load's.
    put_frame(connection, 4, 0, 0, "\0\2\0\0\0\0" "\0\4\x3f\xff\xff\xff", 12);
    put_window_update(connection, WINDOW - 65535);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

// Starts the calls that are due by now. Those that find no free stream start late; their time counts from when they were
// due.
static void start_due(int64_t begin, int timer) {
    static int64_t scheduled;
    static int turn;
    int64_t time = now(), due;
    while (started < wanted && (due = begin + (int64_t)((double)scheduled * 1e9 / per_second)) <= time) {
        int tried = 0;
        while (tried < connection_count && !can_start(&connections[turn])) {
            turn = (turn + 1) % connection_count;
            tried++;
        }
        if (tried == connection_count) break;
        start(&connections[turn], due);
        turn = (turn + 1) % connection_count;
        scheduled++;
    }
    for (int i = 0; i < connection_count; i++) send_out(&connections[i]);
    due = begin + (int64_t)((double)scheduled * 1e9 / per_second);
    if (due <= time) due = time + 50000;
    struct itimerspec when = {.it_value = {due / 1000000000, due % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int main(int count, char **arguments) {
    static char fields_text[64][16384];
    static Field fields[64] = {{.name = ":path", .name_count = 5}, {.name = ":authority", .name_count = 10}};
    int field_count = 2;
    const char *url = NULL;
    for (int i = 1; i < count; i++) {
        const char *option = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        if (strncmp(option, "--rps=", 6) == 0) per_second = atof(option + 6);
        else if (strncmp(option, "--log-file=", 11) == 0) log_file = fopen(option + 11, "w");
        else if (strcmp(option, "--http") == 0) http_only = 1;
        else if (option[0] != '-') url = option;
        else {
            i++;
            if (option[1] == 'n') wanted = atoll(value);
            else if (option[1] == 'c') connection_count = atoi(value);
            else if (option[1] == 'm') streams = atoi(value);
            else if (option[1] == 'H') {
                const char *colon = strstr(value, ": ");
                if (!colon || field_count == 64 || strlen(value) >= sizeof fields_text[0])
                    fail("-H takes 'name: value', 62 times at most");
                strcpy(fields_text[field_count], value);
                fields[field_count].name = fields_text[field_count];
                fields[field_count].name_count = (size_t)(colon - value);
                fields[field_count].value = fields_text[field_count] + (colon - value) + 2;
                field_count++;
            } else if (option[1] == 'd') {
                FILE *file = fopen(value, "rb");
                if (!file) fail("the file of -d cannot be read");
                body.count = fread(body.bytes, 1, sizeof body.bytes, file);
                fclose(file);
            } else if (option[1] != 't') fail("an option is unknown");
        }
    }
    const char *authority = url && strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    const char *path = authority ? strchr(authority, '/') : NULL;
    const char *colon = authority ? strchr(authority, ':') : NULL;
    if (!path || !colon || colon > path) fail("http://127.0.0.1:PORT/PATH is missing");
    if (body.count > LARGEST_FRAME || connection_count < 1 || streams < 1 || streams > SLOTS / 2)
        fail("the body, -c or -m are too large, or nothing");
    fields[0].value = path;
    fields[1].value = strndup(authority, (size_t)(path - authority));
    make_blocks(&first, &later, fields, field_count);
    per_second *= connection_count;

    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    connections = calloc((size_t)connection_count, sizeof *connections);
    if (!connections) fail("out of memory");
    for (int i = 0; i < connection_count; i++) open_connection(&connections[i], atoi(colon + 1), epoll);
    int64_t begin = now();
    if (per_second) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
        start_due(begin, timer);
    } else {
        for (int i = 0; i < connection_count; i++) {
            while (can_start(&connections[i])) start(&connections[i], begin);
            send_out(&connections[i]);
        }
    }
    while (done < wanted) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, 20000);
        if (ready == 0) fail("nothing has come for 20 seconds");
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr) {
                receive(events[i].data.ptr);
                send_out(events[i].data.ptr);
            } else {
                uint64_t expired;
                if (read(timer, &expired, sizeof expired) > 0) start_due(begin, timer);
            }
        }
    }
    double seconds = (double)(now() - begin) / 1e9;
    if (log_file) fclose(log_file);
    printf("finished in %.6fs, %.2f req/s\n", seconds, (double)wanted / seconds);
    printf("requests: %lld total, %lld succeeded, 0 failed, 0 errored\n", (long long)wanted, (long long)done);
    printf("traffic: (%lld) data\n", (long long)data_bytes);
    return 0;
}
