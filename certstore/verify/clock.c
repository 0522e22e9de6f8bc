/* What is known about the time.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/search.h"

bool stls_clock_is_set(const stls_judge_request *request) {
    return request->now != STLS_CLOCK_NOT_SET &&
           (request->earliest == 0 || request->now >= request->earliest);
}

int64_t stls_time_least(const stls_judge_request *request) {
    return stls_clock_is_set(request) ? request->now
           : request->earliest != 0   ? request->earliest
                                      : INT64_MIN;
}

int64_t stls_time_most(const stls_judge_request *request) {
    return stls_clock_is_set(request) ? request->now : INT64_MAX;
}
