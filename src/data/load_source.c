/*
 * load_source.c
 *		The bytes of a load: a file of the server, or a text that was passed.
 *
 * Files are opened here and not by COPY, which would wait in open() for whoever writes to a named
 * pipe and could not be cancelled there.  The right to them is COPY's.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/wait_event.h"

#include "data/load.h"

static const char CLIENT_HINT[] =
"The path is one of the server. From a client pass the text itself: \\set c `cat file`, and content => :'c'.";

void
load_source_empty(const LoadSource *source)
{
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 source->is_file ? errmsg("file \"%s\" is empty", source->name) :
			 errmsg("content is empty")));
}

/* Look for a byte order mark, and leave what is none; raise for what is no text. */
static void
skip_mark(LoadSource *source)
{
	unsigned char mark[4];
	size_t		n = 0,
				more;

	while (n < sizeof(mark) &&
		   (more = load_source_read(source, mark + n, sizeof(mark) - n)) > 0)
		n += more;
	source->ended = false;
	if (n == 0)
		load_source_empty(source);
	if (source->is_file && n >= 2 &&
		((mark[0] == 0xff && mark[1] == 0xfe) || (mark[0] == 0xfe && mark[1] == 0xff) ||
		 (n == 4 && mark[0] == 0 && mark[1] == 0 && mark[2] == 0xfe && mark[3] == 0xff)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("file \"%s\" is in UTF-16 or UTF-32", source->name),
				 errdetail("It begins with a byte order mark of that encoding, which PostgreSQL does not read."),
				 errhint("Convert it first: iconv -f UTF-16 -t UTF-8.")));
	if (source->is_file && n == 4 && (memcmp(mark, "\x1f\x8b", 2) == 0 || memcmp(mark, "PK\003\004", 4) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 mark[0] == 'P' ? errmsg("file \"%s\" is an archive or a spreadsheet", source->name) :
				 errmsg("file \"%s\" is compressed", source->name),
				 mark[0] == 'P' ? errhint("Unpack it, or save the spreadsheet as CSV.") :
				 errhint("Unpack it first: gunzip.")));
	source->utf8 = n >= 3 && mark[0] == 0xef && mark[1] == 0xbb && mark[2] == 0xbf &&
		(source->is_file || GetDatabaseEncoding() == PG_UTF8);
	source->nahead = source->utf8 ? n - 3 : n;
	memcpy(source->ahead, mark + (source->utf8 ? 3 : 0), source->nahead);
	source->read -= source->nahead;
}

LoadSource *
load_source_content(const char *text, size_t length)
{
	LoadSource *source = palloc0(sizeof(LoadSource));

	source->name = "content";
	source->fd = -1;
	source->text = text;
	source->length = length;
	skip_mark(source);
	return source;
}

/* Raise what errno says. */
static _Noreturn void
cannot_read(const char *path)
{
	bool		elsewhere = errno == ENOENT || errno == EACCES || errno == ENOTDIR;

	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not read file \"%s\": %m", path),
			 elsewhere ? errhint("%s", CLIENT_HINT) : 0));
}

/* Raise for what is no regular file. */
static void
check_regular(const char *path, mode_t mode)
{
	if (!S_ISREG(mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 S_ISDIR(mode) ? errmsg("\"%s\" is a directory", path) :
				 errmsg("\"%s\" is not a regular file", path),
				 errhint("Name a file, or pass the text itself as content.")));
}

LoadSource *
load_source_file(const char *path)
{
	LoadSource *source;
	struct stat status;

	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a file of the server"),
				 errdetail("Only superusers and roles with privileges of pg_read_server_files may, as in COPY."),
				 errhint("Pass the text itself: \\set c `cat file`, and content => :'c'.")));
	if (path[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("path is empty"),
				 errhint("%s", CLIENT_HINT)));
	if (stat(path, &status) != 0)
		cannot_read(path);
	check_regular(path, status.st_mode);

	source = palloc0(sizeof(LoadSource));
	source->name = pstrdup(path);
	source->is_file = true;

	/* It could have become a pipe since: don't wait for that either. */
	source->fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (source->fd < 0 || fstat(source->fd, &status) != 0)
		cannot_read(path);
	check_regular(path, status.st_mode);
	source->length = status.st_size;
	skip_mark(source);
	return source;
}

size_t
load_source_read(LoadSource *source, void *buffer, size_t n)
{
	size_t		got;

	CHECK_FOR_INTERRUPTS();
	if (source->nahead > 0)
	{
		got = Min(n, (size_t) source->nahead);
		memcpy(buffer, source->ahead, got);
		source->nahead -= got;
		memmove(source->ahead, source->ahead + got, source->nahead);
	}
	else if (source->is_file)
	{
		ssize_t		result;

		pgstat_report_wait_start(WAIT_EVENT_BUFFILE_READ);
		result = read(source->fd, buffer, n);
		pgstat_report_wait_end();
		if (result < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", source->name)));
		got = (size_t) result;
	}
	else
	{
		got = Min(n, source->length - source->read);
		memcpy(buffer, source->text + source->read, got);
	}
	source->read += got;
	source->ended = got == 0;
	return got;
}

void
load_source_close(LoadSource *source)
{
	if (source->fd >= 0)
		CloseTransientFile(source->fd);
	source->fd = -1;
}
