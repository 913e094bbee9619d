/*
 * server_file.h
 *		A model's bytes in a file of the server, under the rules that COPY has for files.
 */
#ifndef ECHOLON_SERVER_FILE_H
#define ECHOLON_SERVER_FILE_H

#include "postgres.h"

/*
 * Write a file in place of any of this name, as a role that has pg_write_server_files.  The path is absolute.
 * Readers see the old file or the new one, never a part: it is written beside and renamed.  Mode 0600, since
 * a model holds strings of its training data.  Nothing is left where it fails.
 */
extern void server_file_write(const char *path, const uint8 *bytes, Size length);

/*
 * All of a regular file, as a role that has pg_read_server_files; palloc'd (huge).  It may not be larger than
 * max_memory_bytes().
 */
extern uint8 *server_file_read(const char *path, Size *length);

#endif							/* ECHOLON_SERVER_FILE_H */
