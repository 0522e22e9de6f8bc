/* SPDX-License-Identifier: MIT */
#include "proxyreload.h"

#include <errno.h>
#include <sys/eventfd.h>

bool proxy_reload_init(proxy_reload *self, proxy_options *options) {
    self->options = options;
    self->made = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return self->made >= 0;
}

static void *make(void *arg) {
    proxy_reload *self = arg;
    self->setup = proxy_setup_make(self->options);
    (void)eventfd_write(self->made, 1);
    return NULL;
}

bool proxy_reload_begin(proxy_reload *self) {
    self->again = self->under_way;
    if (self->under_way) {
        return true;
    }
    errno = pthread_create(&self->thread, NULL, make, self);
    self->under_way = errno == 0;
    return self->under_way;
}

proxy_setup *proxy_reload_take(proxy_reload *self) {
    eventfd_t times;
    (void)eventfd_read(self->made, &times);
    pthread_join(self->thread, NULL);
    proxy_setup *setup = self->setup;
    self->setup = NULL;
    self->under_way = false;
    return setup;
}
