/* siptls/siptls.h - everything.
 *
 * siptls gives a SIP stack TLS on the library it chooses, with the same behaviour on each. From top
 * to bottom:
 *
 *     backend      a TLS library that is built in                              siptls/backend.h
 *     trust        the anchors that chains must end in                         siptls/trust.h
 *     credential   a chain with its private key                                siptls/credential.h
 *     profile      what is wanted: versions, suites, whom to trust, who we are siptls/profile.h
 *     context      a profile, frozen; shared by connections and threads        siptls/context.h
 *     conn         one connection                                              siptls/conn.h
 *     verdict      what is known of the peer, and why                          siptls/verify.h
 *
 * above them, for a device that keeps its certificates for years, siptls/certstore.h (the lists of
 * trusted and of server certificates, in a folder) and siptls/profiles.h (profiles from a file);
 * beneath them siptls/allocator.h (a heap of your own); and beside them siptls/error.h (results and
 * sentences), siptls/iana.h (names of the TLS registries), siptls/certificate.h (what a certificate
 * says), siptls/sip.h (SIP's side).
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_SIPTLS_H
#define SIPTLS_SIPTLS_H

#include <siptls/allocator.h>
#include <siptls/backend.h>
#include <siptls/certificate.h>
#include <siptls/certstore.h>
#include <siptls/conn.h>
#include <siptls/context.h>
#include <siptls/credential.h>
#include <siptls/error.h>
#include <siptls/iana.h>
#include <siptls/profile.h>
#include <siptls/profiles.h>
#include <siptls/session.h>
#include <siptls/sip.h>
#include <siptls/ticket.h>
#include <siptls/trust.h>
#include <siptls/types.h>
#include <siptls/verify.h>

#endif
