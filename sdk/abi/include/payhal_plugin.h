/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file payhal_plugin.h
 * @brief The C ABI of payhal plugins, version 1.0.
 *
 * Frozen: a library built with this header loads for as long as there is a major version 1. No
 * name, value, offset or meaning below ever changes; structures grow at their end alone, and
 * constants are only added.
 *
 * A plugin is one dynamic library that exports one function, payhal_plugin_v1(). payhal loads it
 * into a process of its own, one process for each configured device or gateway. Crashing, hanging
 * or leaking harms that one device only; still, do not.
 *
 * Rules that hold everywhere
 *
 * Ownership. Only bytes, integers and handles cross. Every pointer argument is valid until the
 * function it was passed to returns; the receiver copies what it wants to keep. Nobody frees what
 * the other side allocated. Handles (ports, connections) belong to the plugin from the moment it
 * receives them; the plugin closes them.
 *
 * Text. `const char *` arguments are NUL-terminated UTF-8 and never NULL. Payloads are a pointer
 * and a length. Payloads that the host passes to the plugin are followed by one zero byte that
 * the length does not count, so that a C string function cannot run off their end; payloads from
 * the plugin need no such byte. A payload of length 0 may have a NULL pointer.
 *
 * Threads. create() runs before everything else. call() may run on several threads at once, as
 * many as the manifest's `calls_max`, and it may block. cancel() and deliver() come from another
 * thread, at any time between the start of call() and its reply, or just after it (a token that
 * is no longer known is to be ignored), and must return at once. destroy() is called when no
 * call() is running any more. All host functions may be called from any thread, from create() on
 * until destroy() returns; never afterwards. connect() and wait() not from cancel() or deliver().
 *
 * Time. Time belongs to the host: take it from now(), and wait with wait() alone. Then a
 * conformance check can run your plugin through hours of time-outs in a second.
 *
 * Unwinding. No C++ exception, Rust panic or longjmp may leave a plugin function.
 *
 * Growth. Both tables start with their size and version, and so does payhal_setup with its size.
 * Before using a field that a later minor version added, check that the other side's struct_size
 * reaches that far; what 1.0 has is always there. Ignore kinds you do not know, and take a negative
 * answer that you do not know for a failure.
 *
 * Card numbers. Nothing passed to reply(), emit() or log() may hold a card number in clear. The
 * host process checks, and replaces what it finds by an error (reply), drops it (emit) or prints
 * its length only (log). The same check is made on everything written to stdout and stderr.
 */
#ifndef PAYHAL_PLUGIN_H
#define PAYHAL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAYHAL_ABI_MAJOR 1
#define PAYHAL_ABI_MINOR 0

#if defined(_WIN32)
#define PAYHAL_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define PAYHAL_EXPORT __attribute__((visibility("default")))
#else
#define PAYHAL_EXPORT
#endif

/** A file descriptor; on Windows a HANDLE or SOCKET. */
typedef intptr_t payhal_handle;

/** No handle: for a payhal_host.wait that waits for time or for its call alone. */
#define PAYHAL_NO_HANDLE ((payhal_handle)-1)

/** How a call ended: the `status` of payhal_host.reply. */
enum {
    PAYHAL_OK = 0,          /**< Done; the payload is the method's reply. */
    PAYHAL_REFUSED = 1,     /**< The other side said no; the payload is a Refusal. */
    PAYHAL_FAILED = 2,      /**< Port, protocol or plugin broke; the payload is a Failure. */
    PAYHAL_UNSUPPORTED = 3, /**< Unknown method; no payload. */
    PAYHAL_CANCELLED = 4    /**< Stopped by cancel() before anything irrevocable; no payload. */
};

/** How loud a log line is: the `level` of payhal_host.log. */
enum {
    PAYHAL_LOG_ERROR = 1, /**< The instance cannot go on. */
    PAYHAL_LOG_WARN = 2,  /**< A technician should see this. */
    PAYHAL_LOG_INFO = 3,  /**< Worth keeping in normal operation. */
    PAYHAL_LOG_DEBUG = 4  /**< For whoever develops the plugin. */
};

/** What is said before a reply: the `kind` of payhal_host.emit. */
enum {
    PAYHAL_EMIT_PROGRESS = 1, /**< Where the call stands. The payload is a Progress. */
    PAYHAL_EMIT_PROMPT = 2,   /**< A question; deliver() brings the answer. A Prompt. */
    PAYHAL_EMIT_CHANGE = 3    /**< The device changed; with token 0. A DeviceChange. */
};

/** What payhal_host.emit and payhal_host.connect return; payhal_host.wait where it cannot. */
enum {
    PAYHAL_ANSWER_OK = 0,           /**< Taken, or connected. */
    PAYHAL_ANSWER_INVALID = -1,     /**< Malformed or too long an argument. */
    PAYHAL_ANSWER_NOT_ALLOWED = -2, /**< Target not declared, or no call has this token. */
    PAYHAL_ANSWER_UNREACHABLE = -3, /**< Allowed, but nobody answered there. */
    PAYHAL_ANSWER_DROPPED = -4      /**< Too many at once; this one was dropped. */
};

/** How payhal_host.wait ended. */
enum {
    PAYHAL_WAIT_TIMEOUT = 0, /**< `until` has come. */
    PAYHAL_WAIT_READY = 1,   /**< The handle can be read, or its other end has gone. */
    PAYHAL_WAIT_WOKEN = 2    /**< The call was cancelled, or an answer was delivered to it. */
};

/** What a port is: payhal_port.kind. */
enum {
    PAYHAL_PORT_SERIAL = 1, /**< A serial line, set to raw mode. */
    PAYHAL_PORT_USB = 2,    /**< An open USB device node. */
    PAYHAL_PORT_STREAM = 3  /**< A connected stream socket. */
};

/**
 * One port the host opened for the instance. Plugins open no device themselves.
 *
 * Never grows: it is an element of an array.
 */
typedef struct payhal_port {
    const char *name;     /**< Name from the manifest, such as "main". */
    payhal_handle handle; /**< The open port; the plugin owns it from create() on. */
    uint32_t kind;        /**< One of PAYHAL_PORT_...; unknown kinds may be added. */
    uint32_t reserved;    /**< Zero. */
} payhal_port;

/** What an instance is made from. Valid during create() only. */
typedef struct payhal_setup {
    uint32_t struct_size;      /**< sizeof(payhal_setup) as the host knows it. */
    uint32_t port_count;       /**< Number of entries in `ports`. */
    const char *instance_name; /**< The instance's name in the configuration. */
    const char *state_dir;     /**< The only folder the instance may write to. */
    const uint8_t *config;     /**< Configuration: one JSON object, as the manifest describes. */
    size_t config_len;         /**< Its length. */
    const payhal_port *ports;  /**< The ports; NULL when there are none. */
} payhal_setup;

/** The functions the host lends to the plugin. `context` is what create() was given. */
typedef struct payhal_host {
    uint32_t struct_size; /**< sizeof(payhal_host) as the host knows it. */
    uint16_t abi_major;   /**< PAYHAL_ABI_MAJOR of the host. */
    uint16_t abi_minor;   /**< PAYHAL_ABI_MINOR of the host. */

    /**
     * Ends a call. Exactly once for each token: a second reply, or one to a token never given,
     * ends the process. May come during call() or later, from any thread.
     *
     * @param token   The call; 0 only inside create(), to say why it returns NULL.
     * @param status  PAYHAL_OK or another status above.
     * @param payload JSON as the status says.
     */
    void (*reply)(void *context, uint64_t token, int32_t status, const uint8_t *payload,
                  size_t payload_len);

    /**
     * Says something before the reply: PAYHAL_EMIT_PROGRESS or PAYHAL_EMIT_PROMPT with the token
     * of a running call, PAYHAL_EMIT_CHANGE with token 0 at any time. What a call emits arrives in
     * order and before its reply.
     *
     * @retval PAYHAL_ANSWER_OK          It was passed on.
     * @retval PAYHAL_ANSWER_INVALID     Unknown kind, or the payload is too long.
     * @retval PAYHAL_ANSWER_NOT_ALLOWED No running call has this token, or it holds a card number.
     * @retval PAYHAL_ANSWER_DROPPED     Too many; going on regardless ends the process.
     */
    int32_t (*emit)(void *context, uint64_t token, uint32_t kind, const uint8_t *payload,
                    size_t payload_len);

    /** Writes one line to the diagnostic log. `text` is UTF-8 and needs no final NUL. */
    void (*log)(void *context, int32_t level, const uint8_t *text, size_t text_len);

    /**
     * Opens a TCP connection. The host resolves and connects; plugins open no socket. May block
     * for as long as the network takes, so not from cancel() or deliver().
     *
     * @param target "name:port", declared in the manifest or in the instance's configuration.
     * @param handle Receives the connected socket, which the plugin then owns.
     * @retval PAYHAL_ANSWER_OK          `*handle` is set.
     * @retval PAYHAL_ANSWER_INVALID     `target` is malformed.
     * @retval PAYHAL_ANSWER_NOT_ALLOWED `target` is not declared.
     * @retval PAYHAL_ANSWER_UNREACHABLE Resolution or connection failed.
     */
    int32_t (*connect)(void *context, const char *target, payhal_handle *handle);

    /**
     * Nanoseconds of a clock that never goes back and starts anywhere. It is the only clock for
     * time-outs; what the calendar says is the system's business.
     */
    uint64_t (*now)(void *context);

    /**
     * Waits until `handle` can be read, until `until` has come, or until something happens to the
     * call. Not from cancel() or deliver().
     *
     * A cancel() or deliver() that came before is not lost: the next wait with its token returns
     * PAYHAL_WAIT_WOKEN at once, one wait for each. It may also return so without a reason: look
     * at your own state, then wait again.
     *
     * @param token  A running call, whose cancel() and deliver() end the wait; 0: none.
     * @param handle A port, a connection, or any other handle; PAYHAL_NO_HANDLE: none.
     * @param until  A value of now(); one in the past only looks, UINT64_MAX never comes.
     * @retval PAYHAL_WAIT_TIMEOUT   The time has come.
     * @retval PAYHAL_WAIT_READY     `handle` can be read, or its other end has gone.
     * @retval PAYHAL_WAIT_WOKEN     See above.
     * @retval PAYHAL_ANSWER_INVALID No call has this token, no handle is this, or a wrong thread.
     */
    int32_t (*wait)(void *context, uint64_t token, payhal_handle handle, uint64_t until);
} payhal_host;

/** The functions the plugin lends to the host. Static: it lives as long as the process. */
typedef struct payhal_plugin {
    uint32_t struct_size; /**< sizeof(payhal_plugin) as the plugin knows it. */
    uint16_t abi_major;   /**< PAYHAL_ABI_MAJOR the plugin was compiled with. */
    uint16_t abi_minor;   /**< PAYHAL_ABI_MINOR the plugin was compiled with. */

    /**
     * Makes the instance. Called once. Open the device's protocol here.
     *
     * @param host    Host functions; valid until destroy() returns.
     * @param context First argument of every host function.
     * @param setup   Name, state folder, configuration and ports; valid during this call only.
     * @return The instance, or NULL after host->reply(context, 0, PAYHAL_FAILED, reason, n).
     */
    void *(*create)(const payhal_host *host, void *context, const payhal_setup *setup);

    /**
     * Carries out a method. May block. Must lead to exactly one host->reply() with this token,
     * here or later. A method the plugin does not know is answered PAYHAL_UNSUPPORTED.
     *
     * @param deadline_ms Milliseconds from now after which the host gives up; 0: no deadline.
     */
    void (*call)(void *instance, uint64_t token, const char *method, uint32_t deadline_ms,
                 const uint8_t *payload, size_t payload_len);

    /**
     * Asks a call to end soon; it still needs its reply. From another thread; must not block. May
     * come more than once for a call, and for a call that has just ended.
     */
    void (*cancel)(void *instance, uint64_t token);

    /** Brings the answer to a prompt the call emitted. From another thread; must not block. */
    void (*deliver)(void *instance, uint64_t token, uint64_t prompt_id, const uint8_t *payload,
                    size_t payload_len);

    /** Ends the instance. No host function may be called after this returns. */
    void (*destroy)(void *instance);
} payhal_plugin;

/**
 * The one exported symbol.
 *
 * @return A pointer to a static table. All five functions must be set.
 */
PAYHAL_EXPORT const payhal_plugin *payhal_plugin_v1(void);

#ifdef __cplusplus
}
#endif

#endif /* PAYHAL_PLUGIN_H */
