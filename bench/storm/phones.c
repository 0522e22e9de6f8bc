/* SPDX-License-Identifier: MIT */
#include "phones.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CROWDS = 2, /* threads */
    EVENTS_A_TURN = 256,
    TICK_MS = 10, /* how exactly a phone waits */
    MESSAGE_MAX = 2048,
};

enum state {
    AWAY = 0, /* until `due` */
    CONNECTING,
    SHAKING_HANDS,
    ASKING,  /* REGISTER is to go out */
    WAITING, /* for the answer */
    BACK,
};

struct phone {
    stls_conn *conn;
    int fd;
    enum state state;
    uint32_t watched;
    unsigned number, tries, failures;
    int64_t due_ns; /* AWAY: when it sets out; else, but BACK: when it gives this attempt up */
    int64_t back_ns;
    bool resumed;
    uint8_t *ticket; /* sealed */
    size_t ticket_len;
    size_t answer_len;
    char answer[12];    /* how it begins: "SIP/2.0 200 " */
    unsigned line_ends; /* how much of CR LF CR LF its last bytes were */
};

/* The phones of one thread. */
struct crowd {
    struct phones *all;
    pthread_t thread;
    struct phone *phones;
    size_t count;
    stls_session_cache *cache;
    stls_context *context;
    int epoll;
    uint64_t random;
    struct phones_outcome outcome;
    uint8_t answer[MESSAGE_MAX], room[STLS_SESSION_BYTES_MAX];
};

struct phones {
    struct phone *phones;
    size_t count;
    const struct phones_plan *plan;
    int64_t began_ns;
    atomic_size_t back;
    atomic_uint running;
    struct crowd crowds[CROWDS];
};

static const uint8_t ticket_key[STLS_SESSION_KEY_LEN] = "known to nobody but the phones";

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t ns_of(double seconds) {
    return (int64_t)(seconds * 1e9);
}

/* Between 0 and 1; the same in each run. */
static double random_part(struct crowd *crowd) {
    crowd->random ^= crowd->random << 13;
    crowd->random ^= crowd->random >> 7;
    crowd->random ^= crowd->random << 17;
    return (double)(crowd->random >> 11) / (double)(1ULL << 53);
}

/* --- Failing */

static void hang_up(struct phone *phone) {
    stls_conn_free(phone->conn);
    phone->conn = NULL;
    if (phone->fd >= 0) {
        close(phone->fd); /* epoll forgets it with that */
    }
    phone->fd = -1;
    phone->watched = 0;
}

/* What the context keeps for the next time, after a failure too, goes to its phone: the cache is
 * all phones'. */
static void keep_ticket(struct crowd *crowd, struct phone *phone) {
    size_t len = 0;
    if (stls_context_export_session(crowd->context, BENCH_HOST, ticket_key, crowd->room,
                                    sizeof crowd->room, &len, NULL) != STLS_OK) {
        return;
    }
    free(phone->ticket);
    phone->ticket = malloc(len);
    if (phone->ticket != NULL) {
        memcpy(phone->ticket, crowd->room, len);
        phone->ticket_len = len;
    }
}

/* The attempt has failed: waits, to come again. */
static void wait_to_come_again(struct crowd *crowd, struct phone *phone) {
    const struct phones_plan *plan = crowd->all->plan;
    double bound = plan->base_s;
    phone->failures++;
    for (unsigned i = 0; i < phone->failures && bound < plan->max_s; i++) {
        bound *= 2;
    }
    bound = bound < plan->max_s ? bound : plan->max_s;
    hang_up(phone);
    keep_ticket(crowd, phone);
    phone->state = AWAY;
    phone->due_ns = now_ns() + ns_of(bound * (0.5 + random_part(crowd) / 2));
}

static void note_why(struct crowd *crowd, const char *why) {
    if (crowd->outcome.why[0] == '\0') {
        snprintf(crowd->outcome.why, sizeof crowd->outcome.why, "%s", why);
    }
}

static void fail(struct crowd *crowd, struct phone *phone, const char *why) {
    crowd->outcome.failed++;
    note_why(crowd, why);
    wait_to_come_again(crowd, phone);
}

/* A server that wants nobody more closes at once, which resets what was written meanwhile. */
static void fail_tls(struct crowd *crowd, struct phone *phone, stls_result result) {
    bool turned_away = phone->state == SHAKING_HANDS &&
                       (result == STLS_EOF || result == STLS_E_TRANSPORT || result == STLS_CLOSED);
    if (turned_away) {
        crowd->outcome.turned_away++;
        wait_to_come_again(crowd, phone);
    } else {
        fail(crowd, phone, stls_conn_error(phone->conn)->text);
    }
}

/* --- One attempt */

static void watch(struct crowd *crowd, struct phone *phone, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = phone};
    if (phone->watched != events &&
        epoll_ctl(crowd->epoll, phone->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, phone->fd,
                  &event) == 0) {
        phone->watched = events;
    }
}

static void watch_for(struct crowd *crowd, struct phone *phone, stls_result wanted) {
    watch(crowd, phone, wanted == STLS_WANT_WRITE ? EPOLLOUT : EPOLLIN);
}

static void set_out(struct crowd *crowd, struct phone *phone) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(crowd->all->plan->ports[phone->number % 2])};
    int one = 1;
    phone->tries++;
    phone->due_ns = now_ns() + ns_of(crowd->all->plan->patience_s);
    phone->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (phone->fd < 0 || setsockopt(phone->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        (connect(phone->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        fail(crowd, phone, strerror(errno));
        return;
    }
    phone->state = CONNECTING;
    watch(crowd, phone, EPOLLOUT);
}

/* What another phone's connection has left in the cache is not this one's. */
static void take_ticket_out(struct crowd *crowd, struct phone *phone) {
    stls_session_cache_clear(crowd->cache);
    /* A cache of the phone's own would have let go of it by then: exporting begins to count anew.
     */
    bool let_go = phone->failures > 3;
    if (!crowd->all->plan->offers_tickets || phone->ticket == NULL || let_go) {
        return;
    }
    stls_error error;
    if (stls_context_import_session(crowd->context, ticket_key, phone->ticket, phone->ticket_len,
                                    &error) != STLS_OK) {
        note_why(crowd, error.text); /* and the handshake is a full one */
    }
    free(phone->ticket); /* it is for once */
    phone->ticket = NULL;
}

/* false: it has failed. */
static bool begin_tls(struct crowd *crowd, struct phone *phone) {
    int status = 0;
    socklen_t len = sizeof status;
    stls_error error;
    if (getsockopt(phone->fd, SOL_SOCKET, SO_ERROR, &status, &len) != 0 || status != 0) {
        fail(crowd, phone, strerror(status != 0 ? status : errno));
        return false;
    }
    if (stls_conn_new(crowd->context, BENCH_HOST, &phone->conn, &error) != STLS_OK ||
        stls_conn_set_fd(phone->conn, phone->fd, &error) != STLS_OK) {
        fail(crowd, phone, error.text);
        return false;
    }
    phone->state = SHAKING_HANDS;
    take_ticket_out(crowd, phone);
    return true;
}

/* false: it waits, or has failed. */
static bool shake_hands(struct crowd *crowd, struct phone *phone) {
    stls_result result = stls_conn_handshake(phone->conn);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        watch_for(crowd, phone, result);
        return false;
    }
    if (result != STLS_OK) {
        fail_tls(crowd, phone, result);
        return false;
    }
    keep_ticket(crowd, phone);
    stls_conn_info info;
    stls_conn_get_info(phone->conn, &info);
    phone->resumed = info.resumed;
    phone->state = ASKING;
    return true;
}

static int write_register(const struct phone *phone, char text[MESSAGE_MAX]) {
    return snprintf(text, MESSAGE_MAX,
                    "REGISTER sips:" BENCH_HOST " SIP/2.0\r\n"
                    "Via: SIP/2.0/TLS phone%u." BENCH_HOST ":5061;branch=z9hG4bK%08xt%u;rport\r\n"
                    "Max-Forwards: 70\r\n"
                    "From: <sips:%u@" BENCH_HOST ">;tag=%08x\r\n"
                    "To: <sips:%u@" BENCH_HOST ">\r\n"
                    "Call-ID: %08x@phone%u." BENCH_HOST "\r\n"
                    "CSeq: %u REGISTER\r\n"
                    "Contact: <sips:%u@phone%u." BENCH_HOST ":5061>;reg-id=1;"
                    "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-0000%08x>\"\r\n"
                    "Supported: path, outbound\r\n"
                    "Expires: 3600\r\n"
                    "Content-Length: 0\r\n\r\n",
                    phone->number, phone->number, phone->tries, phone->number, phone->number,
                    phone->number, phone->number, phone->number, phone->tries, phone->number,
                    phone->number, phone->number);
}

static bool ask(struct crowd *crowd, struct phone *phone) {
    char text[MESSAGE_MAX];
    size_t len = (size_t)write_register(phone, text), sent = 0;
    stls_result result = stls_conn_write(phone->conn, text, len, &sent);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        watch_for(crowd, phone, result);
        return false;
    }
    if (result != STLS_OK || sent != len) {
        fail_tls(crowd, phone, result);
        return false;
    }
    phone->answer_len = phone->line_ends = 0;
    phone->state = WAITING;
    return true;
}

/* Whether the answer is complete, which ends with its headers. */
static bool take_answer(struct phone *phone, const uint8_t *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char wanted = phone->line_ends % 2 == 0 ? '\r' : '\n';
        if (phone->answer_len < sizeof phone->answer) {
            phone->answer[phone->answer_len++] = (char)data[i];
        }
        phone->line_ends = (char)data[i] == wanted ? phone->line_ends + 1 : data[i] == '\r';
        if (phone->line_ends == 4) {
            return true;
        }
    }
    return false;
}

static void be_back(struct crowd *crowd, struct phone *phone) {
    static const char good[] = "SIP/2.0 200 ";
    if (phone->answer_len != sizeof good - 1 || memcmp(phone->answer, good, sizeof good - 1) != 0) {
        fail(crowd, phone, "the registrar's answer is not 200");
        return;
    }
    phone->state = BACK;
    phone->back_ns = now_ns();
    phone->failures = 0;
    atomic_fetch_add(&crowd->all->back, 1);
}

static void drop(struct crowd *crowd, struct phone *phone) {
    crowd->outcome.dropped++;
    note_why(crowd, "the connection ended after 200 OK");
    atomic_fetch_sub(&crowd->all->back, 1);
    wait_to_come_again(crowd, phone);
}

/* Reads while there is something: the answer, or that a connection that stays open has ended. */
static void listen_to(struct crowd *crowd, struct phone *phone) {
    while (phone->state == WAITING || phone->state == BACK) {
        size_t len = 0;
        stls_result result = stls_conn_read(phone->conn, crowd->answer, sizeof crowd->answer, &len);
        keep_ticket(crowd, phone); /* before another phone uses the cache */
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            watch_for(crowd, phone, result);
            return;
        }
        if (result != STLS_OK && phone->state == BACK) {
            drop(crowd, phone);
        } else if (result != STLS_OK) {
            fail_tls(crowd, phone, result);
        } else if (phone->state == WAITING && take_answer(phone, crowd->answer, len)) {
            be_back(crowd, phone);
        }
    }
}

static void go_on(struct crowd *crowd, struct phone *phone) {
    if (phone->state == CONNECTING && !begin_tls(crowd, phone)) {
        return;
    }
    if (phone->state == SHAKING_HANDS && !shake_hands(crowd, phone)) {
        return;
    }
    if (phone->state == ASKING && !ask(crowd, phone)) {
        return;
    }
    listen_to(crowd, phone);
}

/* --- The loop */

/* Those whose time has come set out, or give their attempt up. */
static void look_at_clock(struct crowd *crowd, int64_t now) {
    for (size_t i = 0; i < crowd->count; i++) {
        struct phone *phone = &crowd->phones[i];
        if (phone->state != BACK && phone->due_ns <= now) {
            if (phone->state == AWAY) {
                set_out(crowd, phone);
            } else {
                fail(crowd, phone, "no answer in time");
            }
        }
    }
}

static void *run(void *arg) {
    struct crowd *crowd = arg;
    struct phones *all = crowd->all;
    int64_t end = all->began_ns + ns_of(all->plan->give_up_s), looked = 0, now;
    while (atomic_load(&all->back) < all->count && (now = now_ns()) < end) {
        struct epoll_event events[EVENTS_A_TURN];
        if (now - looked >= (int64_t)TICK_MS * 1000000) {
            look_at_clock(crowd, now);
            looked = now;
        }
        int count = epoll_wait(crowd->epoll, events, EVENTS_A_TURN, TICK_MS);
        for (int i = 0; i < count; i++) {
            go_on(crowd, events[i].data.ptr);
        }
    }
    atomic_fetch_sub(&all->running, 1);
    return NULL;
}

static void tell_progress(struct phones *all, const char *what) {
    int64_t told = now_ns();
    while (atomic_load(&all->running) > 0) {
        const struct timespec pause = {.tv_nsec = 20000000};
        nanosleep(&pause, NULL);
        if (now_ns() - told >= 1000000000) {
            told += 1000000000;
            fprintf(stderr, "storm: %s: %zu of %zu phones are back after %.0f s\n", what,
                    atomic_load(&all->back), all->count, (double)(told - all->began_ns) / 1e9);
        }
    }
}

static void add_up(struct phones *all, struct phones_outcome *outcome,
                   struct bench_series *latencies) {
    *outcome = (struct phones_outcome){.back = 0};
    for (size_t i = 0; i < CROWDS; i++) {
        const struct phones_outcome *of = &all->crowds[i].outcome;
        outcome->turned_away += of->turned_away;
        outcome->failed += of->failed;
        outcome->dropped += of->dropped;
        if (outcome->why[0] == '\0') {
            memcpy(outcome->why, of->why, sizeof outcome->why);
        }
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct phone *phone = &all->phones[i];
        double seconds = (double)(phone->back_ns - all->began_ns) / 1e9;
        outcome->most_tries =
            phone->tries > outcome->most_tries ? phone->tries : outcome->most_tries;
        if (phone->state != BACK) {
            outcome->lost++;
            continue;
        }
        outcome->back++;
        outcome->resumed += phone->resumed;
        outcome->last_s = seconds > outcome->last_s ? seconds : outcome->last_s;
        bench_sample(latencies, seconds);
    }
}

void phones_return(struct phones *all, const struct phones_plan *plan, const char *what,
                   struct phones_outcome *outcome, struct bench_series *latencies) {
    all->plan = plan;
    all->began_ns = now_ns();
    for (size_t i = 0; i < all->count; i++) {
        all->phones[i].tries = all->phones[i].failures = 0;
        all->phones[i].due_ns = 0;
    }
    atomic_store(&all->running, CROWDS);
    for (size_t i = 0; i < CROWDS; i++) {
        struct crowd *crowd = &all->crowds[i];
        crowd->outcome = (struct phones_outcome){.back = 0};
        if (pthread_create(&crowd->thread, NULL, run, crowd) != 0) {
            fprintf(stderr, "no thread for the phones\n");
            exit(1);
        }
    }
    tell_progress(all, what);
    for (size_t i = 0; i < CROWDS; i++) {
        pthread_join(all->crowds[i].thread, NULL);
    }
    add_up(all, outcome, latencies);
}

/* --- Life */

void phones_leave(struct phones *all) {
    for (size_t i = 0; i < all->count; i++) {
        struct phone *phone = &all->phones[i];
        if (phone->state == BACK) {
            (void)stls_conn_close(phone->conn);
        }
        hang_up(phone);
        phone->state = AWAY;
    }
    atomic_store(&all->back, 0);
}

static bool make_context(struct crowd *crowd, const stls_backend *backend, const char *trust_file) {
    stls_error error = {.text = "no memory"};
    stls_trust *trust = stls_trust_new();
    stls_profile *profile = NULL;
    crowd->cache = stls_session_cache_new(STLS_SESSION_CACHE_DEFAULT);
    bool made = trust != NULL && crowd->cache != NULL &&
                stls_trust_add_file(trust, trust_file, &error) == STLS_OK &&
                stls_profile_new(backend, STLS_ROLE_CLIENT, &profile, &error) == STLS_OK &&
                stls_profile_set_trust(profile, trust, &error) == STLS_OK &&
                stls_profile_set_session_cache(profile, crowd->cache, &error) == STLS_OK &&
                stls_profile_set_handshake_timeout(profile, 0, &error) == STLS_OK &&
                stls_context_new(profile, &crowd->context, &error) == STLS_OK;
    stls_profile_free(profile);
    stls_trust_free(trust);
    if (!made) {
        bench_failed("no phones: %s", error.text);
    }
    return made;
}

struct phones *phones_new(const stls_backend *backend, size_t count, const char *trust_file) {
    struct phones *all = calloc(1, sizeof *all);
    if (all == NULL || (all->phones = calloc(count, sizeof *all->phones)) == NULL) {
        bench_failed("no memory for %zu phones", count);
        free(all);
        return NULL;
    }
    all->count = count;
    for (size_t i = 0; i < count; i++) {
        all->phones[i].number = (unsigned)i;
        all->phones[i].fd = -1;
    }
    bool made = true;
    for (size_t i = 0; i < CROWDS; i++) {
        struct crowd *crowd = &all->crowds[i];
        size_t first = count * i / CROWDS;
        crowd->all = all;
        crowd->phones = all->phones + first;
        crowd->count = count * (i + 1) / CROWDS - first;
        crowd->random = 0x9e3779b97f4a7c15ULL * (i + 1);
        crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
        made = made && crowd->epoll >= 0 && make_context(crowd, backend, trust_file);
    }
    if (!made) {
        phones_free(all);
        return NULL;
    }
    return all;
}

void phones_free(struct phones *all) {
    if (all == NULL) {
        return;
    }
    phones_leave(all);
    for (size_t i = 0; i < all->count; i++) {
        free(all->phones[i].ticket);
    }
    for (size_t i = 0; i < CROWDS; i++) {
        struct crowd *crowd = &all->crowds[i];
        stls_context_free(crowd->context);
        stls_session_cache_free(crowd->cache);
        if (crowd->epoll >= 0) {
            close(crowd->epoll);
        }
    }
    free(all->phones);
    free(all);
}
