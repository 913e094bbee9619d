/*
 * format_reader.h
 *		A model's bytes while they are read.  For format_read.c and format_trees.c only.
 */
#ifndef ECHOLON_FORMAT_READER_H
#define ECHOLON_FORMAT_READER_H

#include "model/format_layout.h"

typedef struct Reader
{
	const LearnEnv *env;
	const uint8_t *bytes;
	size_t		length;
	uint32_t	nsections;		/* of its version; the others are empty */
	FormatSection section[FORMAT_NSECTIONS];
	const ModelFile *whole;		/* it is part of that; NULL: it stands alone */
	const FormatGeneral *general;
	const char **strings;		/* all, in the order of the file */
	uint64_t	done;			/* elements since the last cancel check */
	char	   *why;
	size_t		whysize;
} Reader;

/* Say what is wrong; always false. */
extern bool reader_damaged(Reader *reader, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Count done elements more, and look for a cancel now and then. */
extern void reader_check_cancel(Reader *reader, uint64_t done);

/* Fail unless a section has count elements. */
extern bool reader_expect_count(Reader *reader, FormatSectionKind kind, uint64_t count, const char *what);

/* ---- format_trees.c ---- */

/* The arrays that trees share, and the trees. */
extern bool reader_arrays(Reader *reader, LearnModel *learn);
extern bool reader_trees(Reader *reader, LearnModel *learn);

static inline const void *
section_data(const Reader *reader, FormatSectionKind kind)
{
	return reader->bytes + reader->section[kind - 1].offset;
}

static inline uint64_t
section_length(const Reader *reader, FormatSectionKind kind)
{
	return reader->section[kind - 1].length;
}

#endif							/* ECHOLON_FORMAT_READER_H */
