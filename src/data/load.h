/*
 * load.h
 *		Files of values into tables: what the files of a load share.  Of the data room only.
 *
 * A load reads its source once.  Lines of CSV, or objects of JSON, become rows of text in a
 * temporary file (the spool), and every value narrows what its column can be.  Then the table
 * is created, and COPY loads the spool into it: values are converted, constraints checked
 * and triggers fired by PostgreSQL and nobody else.
 *
 *	load.c			the SQL functions: arguments, the table, the report
 *	load_columns.c	names and types of columns
 *	load_source.c	the bytes: a server file or a text
 *	load_csv.c		lines, split by COPY
 *	load_json.c		objects, split here and parsed by PostgreSQL's parser
 *	load_guess.c	which types a value can have
 *	load_spool.c	rows between the two passes
 *	load_copy.c		the spool into the table
 *	load_errors.c	lines that were refused
 */
#ifndef ECHOLON_LOAD_H
#define ECHOLON_LOAD_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "storage/buffile.h"
#include "utils/jsonb.h"
#include "utils/relcache.h"

#include "compat.h"
#include "data/guess.h"

/* A line or an object that needs more memory than this is refused as such: a quote that never closes. */
#define LOAD_RECORD_MAX		((size_t) 128 * 1024 * 1024)

/* ---- the bytes ----------------------------------------------------------------- */

typedef struct LoadSource
{
	const char *name;			/* the path, or "content" */
	bool		is_file;
	int			fd;				/* of a file */
	const char *text;			/* of content */
	uint64		length;			/* bytes there were at the beginning; a file may grow */
	uint64		read;			/* bytes handed out */
	bool		ended;			/* the end was reached */
	bool		utf8;			/* it began with a byte order mark of UTF-8 */
	char		ahead[4];		/* bytes that were read to look for the mark */
	int			nahead;
} LoadSource;

/*
 * Open a file of the server for one who may read its files, or a text.  Raises for what is no
 * regular file, and for texts in UTF-16 and UTF-32.
 */
extern LoadSource *load_source_file(const char *path);
extern LoadSource *load_source_content(const char *text, size_t length);

/* Up to n bytes; 0 at the end. */
extern size_t load_source_read(LoadSource *source, void *buffer, size_t n);
extern void load_source_close(LoadSource *source);

/* Raise that there is nothing in the source. */
extern _Noreturn void load_source_empty(const LoadSource *source);

/* ---- rows between the passes ------------------------------------------------------ */

typedef struct SpoolRow
{
	uint64		place;			/* line of the file, or number of the object: unique, ascending */
	uint32		length;			/* bytes that follow */
	int32		nfields;		/* the row may lack columns at its end that came later */
} SpoolRow;

typedef struct Spool
{
	BufFile    *file;
	StringInfoData row;			/* the row that is written, in the text format of COPY */
	int			nfields;
	uint64		rows;
	uint64		bytes;
} Spool;

typedef struct SpoolPosition
{
	int			fileno;
	off_t		offset;
} SpoolPosition;

extern void spool_init(Spool *spool);

/* Fields of a row one by one, and its end. */
extern void spool_field(Spool *spool, const char *value, size_t length);
extern void spool_null(Spool *spool);
extern void spool_end_row(Spool *spool, uint64 place);

/* Begin to read; the next row, false behind the last: it is in spool->row; where it stands. */
extern void spool_rewind(Spool *spool);
extern bool spool_next(Spool *spool, SpoolRow *row);
extern SpoolPosition spool_tell(Spool *spool);
extern void spool_seek(Spool *spool, SpoolPosition position);
extern void spool_close(Spool *spool);

/* ---- a load ------------------------------------------------------------------------ */

typedef struct LoadColumn
{
	char	   *source_name;	/* as the file has it; NULL: it has none */
	char	   *name;			/* of the table */
	char	   *given_type;		/* from column_types, as SQL; NULL: by its values */
	Guess		guess;
} LoadColumn;

/* A line that was refused. */
typedef struct LoadError
{
	uint64		place;
	char	   *column;			/* may be NULL */
	char	   *value;			/* may be NULL; cut */
	char	   *message;
} LoadError;

typedef struct Load
{
	const char *function;		/* "echolon_load_csv" */
	const char *unit;			/* what places are: "line", "object" */
	LoadSource *source;
	/* the table */
	RangeVar   *range;
	Oid			relid;			/* InvalidOid: it is to be created */
	Oid			namespace;		/* where */
	char	   *table;			/* its name, for people */
	/* columns, in the order of the file */
	LoadColumn *columns;
	int			ncolumns,
				nallocated;
	Jsonb	   *column_types;	/* or NULL */
	/* rows */
	Spool		spool;
	/* refused ones */
	int64		max_errors;
	List	   *errors;			/* of LoadError *, ascending but for those that COPY refused */
	size_t		error_bytes;
	MemoryContext context;		/* of what lives as long as the load */
	List	   *notes;			/* of char * */
} Load;

/* A note for the report. */
extern void load_note(Load *load, const char *format,...) pg_attribute_printf(2, 3);

/* ---- columns ----------------------------------------------------------------------- */

/* A column of the source, behind the others; name NULL or empty: it has none. */
extern LoadColumn *load_add_column(Load *load, const char *name, size_t length);

/* Remove the columns behind the first n. */
extern void load_cut_columns(Load *load, int n);

/* Raise where a table cannot have so many columns. */
extern void load_check_columns(const Load *load, int64 n);

/*
 * Once all columns are known: into a new table names that it can have, into an existing one the names it
 * has; and the types that were given.
 */
extern void load_name_columns(Load *load);
extern void load_type_columns(Load *load);

/* ---- reading ------------------------------------------------------------------------ */

typedef struct CsvOptions
{
	const char *delimiter,
			   *quote,
			   *escape,
			   *encoding;		/* NULL: client_encoding, or what the byte order mark says */
	bool		header;
	List	   *null_marks;		/* of char * */
} CsvOptions;

extern void load_read_csv(Load *load, const CsvOptions *options);
extern void load_read_json(Load *load);

/* ---- into the table ------------------------------------------------------------------ */

/*
 * Raise unless the current user may COPY into a table, as COPY does: into some columns of it; and into those
 * of the load, which must be there.
 */
extern void load_check_target(Relation relation);
extern void load_check_target_columns(const Load *load);

/* The number of rows that were loaded. */
extern uint64 load_copy(Load *load);

/* ---- refused lines -------------------------------------------------------------------- */

/*
 * A line is refused: kept where max_errors allows one more, and raised otherwise.  column and value
 * may be NULL; value need not end with '\0'.
 */
extern void load_refuse(Load *load, uint64 place, const char *column, const char *value, size_t length,
						int code, const char *message, const char *hint);

/* For messages: where an error is, as a sentence (column and value may be NULL); what can be done about bad lines. */
extern char *load_where(const Load *load, uint64 place, const char *column, const char *value, size_t length);
extern char *load_advice(const Load *load);

/* Store what was refused. */
extern void load_store_errors(Load *load);

/* A copy of at most n bytes of a value, cut between characters, with dots behind it where it was cut. */
extern char *load_excerpt(const char *value, size_t length, size_t n);

#endif							/* ECHOLON_LOAD_H */
