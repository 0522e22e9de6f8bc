/* SPDX-License-Identifier: MIT */
#include "proxyworker.h"

#include "proxylog.h"
#include "proxypair.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 256 };

/* --- Queues */

static void take_out(proxy_worker *worker, proxy_pair *pair) {
    proxy_place *place = &pair->place;
    proxy_queue *queue = &worker->queues[place->wait];
    *(place->previous != NULL ? &place->previous->place.next : &queue->first) = place->next;
    *(place->next != NULL ? &place->next->place.previous : &queue->last) = place->previous;
    place->previous = place->next = NULL;
}

static bool is_queued(const proxy_worker *worker, const proxy_pair *pair) {
    return pair->place.previous != NULL || worker->queues[pair->place.wait].first == pair;
}

void proxy_worker_wait(proxy_worker *worker, proxy_pair *pair, proxy_wait wait) {
    if (is_queued(worker, pair)) {
        take_out(worker, pair);
    }
    proxy_queue *queue = &worker->queues[wait];
    pair->place.wait = wait;
    pair->place.deadline = net_now() + worker->patience[wait];
    pair->place.previous = queue->last;
    *(queue->last != NULL ? &queue->last->place.next : &queue->first) = pair;
    queue->last = pair;
}

void proxy_worker_ready(proxy_worker *worker, proxy_pair *pair) {
    if (!pair->place.is_ready) {
        pair->place.is_ready = true;
        pair->place.next_ready = worker->ready;
        worker->ready = pair;
    }
}

void proxy_worker_leave(proxy_worker *worker, proxy_pair *pair) {
    take_out(worker, pair);
    if (!pair->place.is_ready) { /* else it is freed with the list that it stands in */
        pair->place.next_ready = worker->gone;
        worker->gone = pair;
    }
}

/* --- epoll */

void proxy_worker_watch(proxy_worker *worker, proxy_end *end, uint32_t events) {
    if (end->watched == events || end->fd < 0) {
        return;
    }
    int what = events == 0 ? EPOLL_CTL_DEL : end->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events, .data.ptr = end};
    if (epoll_ctl(worker->epoll, what, end->fd, &event) != 0) {
        end->pair->is_lost = true; /* the kernel has no memory for it */
        proxy_worker_ready(worker, end->pair);
        proxy_log_peer(&worker->counters, "#%llu %s: epoll: %s",
                       (unsigned long long)end->pair->number, end->pair->who, strerror(errno));
        return;
    }
    end->watched = events;
}

/* --- The loop */

static void take_inbox(proxy_worker *worker) {
    uint64_t count;
    (void)!read(worker->wake, &count, sizeof count);
    pthread_mutex_lock(&worker->lock);
    proxy_pair *pair = worker->inbox;
    worker->inbox = NULL;
    pthread_mutex_unlock(&worker->lock);
    while (pair != NULL) {
        proxy_pair *next = pair->place.next_ready;
        pair->place.next_ready = NULL;
        proxy_pair_start(pair, worker);
        pair = next;
    }
}

static void go_on_with_ready(proxy_worker *worker) {
    proxy_pair *pair = worker->ready;
    worker->ready = NULL;
    while (pair != NULL) {
        proxy_pair *next = pair->place.next_ready;
        pair->place.next_ready = NULL;
        pair->place.is_ready = false;
        if (pair->state == PAIR_GONE) {
            pair->place.next_ready = worker->gone;
            worker->gone = pair;
        } else {
            proxy_pair_go_on(pair);
        }
        pair = next;
    }
}

/* Those at the front of each queue whose time is up. One that is late waits for something else
 * afterwards, or is gone; or it stands behind all others of its queue again. */
static void end_late_ones(proxy_worker *worker) {
    int64_t now = net_now();
    for (int wait = 0; wait < WAIT_MAX; wait++) {
        proxy_pair *pair;
        while (worker->patience[wait] > 0 && (pair = worker->queues[wait].first) != NULL &&
               pair->place.deadline <= now) {
            proxy_pair_late(pair);
        }
    }
}

static void bury_the_gone(proxy_worker *worker) {
    while (worker->gone != NULL) {
        proxy_pair *pair = worker->gone;
        worker->gone = pair->place.next_ready;
        proxy_pair_free(pair);
    }
}

static void stop_all(proxy_worker *worker) {
    worker->is_stopping = true;
    take_inbox(worker); /* the last ones: who sets `stops` hands nothing over any more */
    for (int wait = 0; wait < WAIT_MAX; wait++) {
        proxy_pair *next;
        for (proxy_pair *pair = worker->queues[wait].first; pair != NULL; pair = next) {
            next = pair->place.next;
            if (pair->place.wait != WAIT_STOP && pair->place.wait != WAIT_LINGER) {
                proxy_count_add(&worker->counters, COUNT_ENDED_STOPPED, 1);
                proxy_pair_stop(pair);
            }
        }
    }
}

static int time_to_wait(const proxy_worker *worker) {
    if (worker->ready != NULL) {
        return 0;
    }
    int64_t soonest = INT64_MAX;
    for (int wait = 0; wait < WAIT_MAX; wait++) {
        const proxy_pair *pair = worker->queues[wait].first;
        if (worker->patience[wait] > 0 && pair != NULL && pair->place.deadline < soonest) {
            soonest = pair->place.deadline;
        }
    }
    return soonest == INT64_MAX ? -1 : net_left(soonest);
}

static bool has_pairs(const proxy_worker *worker) {
    if (worker->ready != NULL) {
        return true; /* one that is gone may stand there still */
    }
    for (int wait = 0; wait < WAIT_MAX; wait++) {
        if (worker->queues[wait].first != NULL) {
            return true;
        }
    }
    return false;
}

static void turn(proxy_worker *worker) {
    struct epoll_event events[EVENTS_A_TURN];
    int count = epoll_wait(worker->epoll, events, EVENTS_A_TURN, time_to_wait(worker));
    for (int i = 0; i < count; i++) {
        proxy_end *end = events[i].data.ptr;
        if (end == NULL) {
            take_inbox(worker);
        } else if (end->pair->state != PAIR_GONE) {
            proxy_pair_events(end->pair, end, events[i].events);
        }
    }
    go_on_with_ready(worker);
    if (!worker->is_stopping && atomic_load(worker->stops)) {
        stop_all(worker);
    }
    end_late_ones(worker);
    bury_the_gone(worker);
}

static void *run(void *arg) {
    proxy_worker *worker = arg;
    while (!worker->is_stopping || has_pairs(worker)) {
        turn(worker);
    }
    return NULL;
}

/* --- Life */

static bool open_descriptors(proxy_worker *worker) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return worker->epoll >= 0 && worker->wake >= 0 &&
           epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->wake, &event) == 0;
}

void proxy_worker_free(proxy_worker *worker) {
    if (worker->epoll >= 0) {
        close(worker->epoll);
    }
    if (worker->wake >= 0) {
        close(worker->wake);
    }
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

proxy_worker *proxy_worker_start(const proxy_options *options, proxy_gauges *gauges,
                                 const atomic_bool *stops) {
    proxy_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return NULL;
    }
    worker->epoll = worker->wake = -1;
    worker->gauges = gauges;
    worker->stops = stops;
    /* A handshake has a deadline of its own, whose sentence is better: it comes first. */
    worker->patience[WAIT_HANDSHAKE] = options->server.tls.timeout_ms + 10;
    worker->patience[WAIT_CONNECT] = options->to.timeout_ms;
    worker->patience[WAIT_SERVER_HANDSHAKE] = options->to.timeout_ms + 10;
    worker->patience[WAIT_TRAFFIC] = (int64_t)options->idle_s * 1000;
    worker->patience[WAIT_OTHER_END] = PROXY_HALF_CLOSED_MS;
    worker->patience[WAIT_LINGER] = PROXY_LINGER_MS;
    worker->patience[WAIT_STOP] = PROXY_STOP_MS;
    pthread_mutex_init(&worker->lock, NULL);
    int error =
        open_descriptors(worker) ? pthread_create(&worker->thread, NULL, run, worker) : errno;
    if (error != 0) {
        proxy_worker_free(worker);
        errno = error;
        return NULL;
    }
    return worker;
}

void proxy_worker_wake(proxy_worker *worker) {
    uint64_t one = 1;
    (void)!write(worker->wake, &one, sizeof one);
}

void proxy_worker_hand_over(proxy_worker *worker, proxy_pair *pair) {
    pthread_mutex_lock(&worker->lock);
    bool was_empty = worker->inbox == NULL;
    pair->place.next_ready = worker->inbox;
    worker->inbox = pair;
    pthread_mutex_unlock(&worker->lock);
    if (was_empty) {
        proxy_worker_wake(worker);
    }
}

void proxy_worker_join(proxy_worker *worker) {
    pthread_join(worker->thread, NULL);
}
