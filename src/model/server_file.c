/*
 * server_file.c
 *		A model's bytes in a file of the server, under the rules that COPY has for files.
 *
 * The rights are those of COPY: pg_write_server_files and pg_read_server_files.  Whoever has the first may
 * overwrite files of the server, as with COPY.  A path must name a regular file, or
 * nothing yet: a FIFO would make the backend wait where no cancel reaches it, and through a symbolic link
 * something else would be replaced than what was named.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "compat.h"
#include "model/model.h"
#include "model/server_file.h"

#define FILE_STEP			((Size) 1 << 20)	/* bytes between two cancel checks */

/* Raise without the right to files. */
static void
check_file_right(Oid role, const char *role_name, const char *what, const char *instead)
{
	if (has_privs_of_role(GetUserId(), role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s a file of the server", what),
			 errdetail("Only roles with the privileges of \"%s\" may do that.", role_name),
			 errhint("%s", instead)));
}

/* A path in the form it is used in. */
static char *
clean_path(const char *path)
{
	char	   *clean = pstrdup(path);

	if (path[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the path of the file is empty")));
	canonicalize_path(clean);
	return clean;
}

/* Raise for what is there and is no regular file. */
static void
check_regular(const char *path, mode_t mode)
{
	if (S_ISREG(mode))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 S_ISDIR(mode) ? errmsg("\"%s\" is a directory", path) :
			 errmsg("\"%s\" is not a regular file", path)));
}

/* Write all bytes to an open file. */
static void
write_bytes(int fd, const char *path, const uint8 *bytes, Size length)
{
	Size		done = 0;

	while (done < length)
	{
		ssize_t		n;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		n = write(fd, bytes + done, Min(length - done, FILE_STEP));
		if (n <= 0)
		{
			if (errno == EINTR)
				continue;
			if (errno == 0)
				errno = ENOSPC;	/* what a short write without a reason means */
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write file \"%s\": %m", path)));
		}
		done += n;
	}
}

void
server_file_write(const char *path, const uint8 *bytes, Size length)
{
	char	   *clean;
	char	   *beside;
	struct stat st;
	int			fd;

	check_file_right(ROLE_PG_WRITE_SERVER_FILES, "pg_write_server_files", "write",
					 "Anyone who owns a model can take its bytes: SELECT echolon_export_model('name').");
	clean = clean_path(path);
	if (!is_absolute_path(clean))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the path of a file to be written must be absolute"),
				 errdetail("It is \"%s\".", path)));
	if (lstat(clean, &st) == 0)
		check_regular(clean, st.st_mode);
	else if (errno != ENOENT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", clean)));

	beside = psprintf("%s.%d.tmp", clean, MyProcPid);
	fd = OpenTransientFilePerm(beside, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY, S_IRUSR | S_IWUSR);
	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", beside)));
	PG_TRY();
	{
		write_bytes(fd, beside, bytes, length);
		if (CloseTransientFile(fd) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not close file \"%s\": %m", beside)));
		(void) durable_rename(beside, clean, ERROR);
	}
	PG_CATCH();
	{
		(void) unlink(beside);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

uint8 *
server_file_read(const char *path, Size *length)
{
	Size		limit = max_memory_bytes();
	Size		done = 0;
	char	   *clean;
	struct stat st;
	uint8	   *bytes;
	int			fd;

	check_file_right(ROLE_PG_READ_SERVER_FILES, "pg_read_server_files", "read",
					 "Anyone can give the bytes themselves in place of a path.");
	clean = clean_path(path);

	/* O_NONBLOCK: what is not a regular file must not make the open wait */
	fd = OpenTransientFile(clean, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (fd < 0 || fstat(fd, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\" for reading: %m", clean)));
	check_regular(clean, st.st_mode);
	if ((Size) st.st_size > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" has %zu MB, echolon.max_memory allows %zu MB", clean,
						(Size) st.st_size >> 20, limit >> 20),
				 errhint("Raise echolon.max_memory, if this is a model.")));
	bytes = MemoryContextAllocHuge(CurrentMemoryContext, Max((Size) st.st_size, 1));
	while (done < (Size) st.st_size)
	{
		ssize_t		n;

		CHECK_FOR_INTERRUPTS();
		n = read(fd, bytes + done, Min((Size) st.st_size - done, FILE_STEP));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", clean)));
		if (n == 0)
			break;				/* it was cut short meanwhile; what is missing will be noticed */
		done += n;
	}
	if (CloseTransientFile(fd) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not close file \"%s\": %m", clean)));
	*length = done;
	return bytes;
}
