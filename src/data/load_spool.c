/*
 * load_spool.c
 *		Rows of a load between its two passes: a temporary file in the text format of COPY.
 *
 * Each row has its place in the source before it, so that COPY can be told which line
 * it is at, and rows that it refuses can be left out.  The file counts against temp_file_limit and
 * goes away with the transaction, whatever happens.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "data/load.h"

/* What must not stand in a field as it is: the letter behind a backslash, or 0. */
static const char ESCAPE[256] = {
	['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
};

void
spool_init(Spool *spool)
{
	memset(spool, 0, sizeof(*spool));
	spool->file = BufFileCreateTemp(false);
	initStringInfo(&spool->row);
}

/* Go to the next field. */
static inline void
begin_field(Spool *spool)
{
	if (spool->nfields++ > 0)
		appendStringInfoCharMacro(&spool->row, '\t');
}

void
spool_field(Spool *spool, const char *value, size_t length)
{
	const unsigned char *from = (const unsigned char *) value,
			   *end = from + length;
	char	   *to;

	begin_field(spool);
	/* Room for the worst case, at once. */
	enlargeStringInfo(&spool->row, (int) length * 2);
	to = spool->row.data + spool->row.len;
	for (; from < end; from++)
	{
		char		letter = ESCAPE[*from];

		if (unlikely(letter != 0))
		{
			*to++ = '\\';
			*to++ = letter;
		}
		else
			*to++ = (char) *from;
	}
	spool->row.len = to - spool->row.data;
}

void
spool_null(Spool *spool)
{
	begin_field(spool);
	appendBinaryStringInfo(&spool->row, "\\N", 2);
}

void
spool_end_row(Spool *spool, uint64 place)
{
	SpoolRow	header = {place, (uint32) spool->row.len, spool->nfields};

	BufFileWrite(spool->file, &header, sizeof(header));
	BufFileWrite(spool->file, spool->row.data, spool->row.len);
	spool->rows++;
	spool->bytes += spool->row.len;
	resetStringInfo(&spool->row);
	spool->nfields = 0;
}

/* Read n bytes, which must be there. */
static void
read_exactly(Spool *spool, void *buffer, size_t n)
{
	if (BufFileRead(spool->file, buffer, n) != n)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read the temporary file of a load")));
}

void
spool_rewind(Spool *spool)
{
	spool_seek(spool, (SpoolPosition) {0, 0});
}

bool
spool_next(Spool *spool, SpoolRow *row)
{
	size_t		got = BufFileRead(spool->file, row, sizeof(*row));

	if (got == 0)
		return false;
	if (got != sizeof(*row))
		read_exactly(spool, (char *) row + got, sizeof(*row) - got);
	resetStringInfo(&spool->row);
	enlargeStringInfo(&spool->row, (int) row->length + 1);
	read_exactly(spool, spool->row.data, row->length);
	spool->row.len = (int) row->length;
	spool->row.data[row->length] = '\0';
	return true;
}

SpoolPosition
spool_tell(Spool *spool)
{
	SpoolPosition position;

	BufFileTell(spool->file, &position.fileno, &position.offset);
	return position;
}

void
spool_seek(Spool *spool, SpoolPosition position)
{
	if (BufFileSeek(spool->file, position.fileno, position.offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind the temporary file of a load")));
}

void
spool_close(Spool *spool)
{
	BufFileClose(spool->file);
	spool->file = NULL;
	pfree(spool->row.data);
}
