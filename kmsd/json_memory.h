/*
 * Where Jansson keeps the documents that it builds, in this process: memory that is wiped as it is
 * given back. Requests don't come by here (libkms/proto reads them in place); files do, some of which
 * hold secrets.
 */
#ifndef KMSD_JSON_MEMORY_H
#define KMSD_JSON_MEMORY_H

/* Makes Jansson use it. Process-wide; once, before the first thread and the first document. What
 * json_dumps returns may still be given to free. */
void kmsd_json_memory_install(void);

#endif
