/* Telling systemd how the service is: sd_notify(3)'s protocol, without the library. */
#ifndef KMSD_SERVER_NOTIFY_H
#define KMSD_SERVER_NOTIFY_H

/* Sends a state such as "READY=1" to the socket in $NOTIFY_SOCKET; nothing where there is none. */
void kmsd_notify(const char *state);

#endif
