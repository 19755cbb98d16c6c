/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of the evil plugin share.
 */
#ifndef EVIL_H
#define EVIL_H

#include "payhal_plugin.h"

/* The orders: the instance's configuration, or what was compiled in for code before create(). */
extern const char *evil_orders;
extern const payhal_host *evil_host;
extern void *evil_context;

/* Copies a text of the orders; an absent one is empty. There are no escapes in orders. */
void evil_order(const char *name, char *into, size_t size);
long evil_number(const char *name, long otherwise);

/* One line of the diagnostic log, through the host where there is one already. */
void evil_tell(const char *format, ...);

void evil_reply(uint64_t token, int32_t status, const char *json);

/* Ways to harm this process, the host through its interface, or the machine's resources. Each
 * returns whether it knows the name. */
int evil_crash(const char *what);
int evil_say(const char *what, uint64_t token);
int evil_eat(const char *what);

/* Answers a call of a gateway, or of a reader that helps one; 0 where it is none. */
int evil_serve(const char *method, uint64_t token);

/* Tries everything that a plugin may not do, and tells a line for each. */
void evil_try_all(void);

#endif
