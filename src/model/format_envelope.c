/*
 * format_envelope.c
 *		A model's bytes together with the record of its version.
 *
 * A header, the record, the held-out sample, the model; each part begins at the next multiple of
 * eight and the padding is zero, so that nothing can be said in two ways.  Lengths are
 * checked against the whole before they are used.  What the record says is checked
 * by whoever reads it as JSON (exchange.c), the model by model_file_read.
 */
#include "model/format_envelope.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/format_layout.h"

#define ENVELOPE_MAGIC		"ECHOPKG"	/* eight bytes with its NUL */
#define ENVELOPE_VERSION	1

/* The checksum lies where a model has its own, so that format_checksum serves for both. */
typedef struct EnvelopeHeader
{
	char		magic[8];
	uint32_t	version;
	uint32_t	checksum;
	uint64_t	length;			/* of all bytes */
	uint64_t	record_length;	/* the next three without the padding behind them */
	uint64_t	sample_length;	/* 0: no sample */
	uint64_t	model_length;
} EnvelopeHeader;

/* In front of the sample's numbers. */
typedef struct EnvelopeSample
{
	uint64_t	held_out;
	uint32_t	nsample;
	uint32_t	noutputs;
	uint32_t	weighted;		/* 0 or 1 */
	uint32_t	reserved;
} EnvelopeSample;

_Static_assert(sizeof(EnvelopeHeader) == 48, "EnvelopeHeader is 48 bytes");
_Static_assert(sizeof(EnvelopeSample) == 24, "EnvelopeSample is 24 bytes");
_Static_assert(offsetof(EnvelopeHeader, checksum) == offsetof(FormatHeader, checksum),
			   "checksums lie in one place");

bool
envelope_is(const uint8_t *bytes, size_t length)
{
	return length >= sizeof(((EnvelopeHeader *) NULL)->magic) &&
		memcmp(bytes, ENVELOPE_MAGIC, sizeof(((EnvelopeHeader *) NULL)->magic)) == 0;
}

/* Bytes of a sample; it is known to be of sane size. */
static size_t
sample_bytes(uint32_t nsample, uint32_t noutputs, bool weighted)
{
	return nsample == 0 ? 0 : sizeof(EnvelopeSample) +
		(size_t) nsample * ((size_t) noutputs + 1 + weighted) * sizeof(double);
}

size_t
envelope_size(const ModelEnvelope *envelope)
{
	size_t		size = sizeof(EnvelopeHeader) +
		sample_bytes(envelope->nsample, envelope->noutputs, envelope->weight != NULL);

	if (envelope->record_length > ENVELOPE_MAX_RECORD || envelope->nsample > ENVELOPE_MAX_SAMPLE ||
		envelope->noutputs > LEARN_MAX_CLASSES || envelope->model_length > SIZE_MAX / 2)
		return SIZE_MAX;
	return size + format_align(envelope->record_length) + format_align(envelope->model_length);
}

/* Copy n bytes to where the next part goes, with zeros up to a multiple of eight; the place behind. */
static uint8_t *
put(uint8_t *to, const void *from, size_t n)
{
	if (n > 0)
		memcpy(to, from, n);
	memset(to + n, 0, format_align(n) - n);
	return to + format_align(n);
}

void
envelope_write(const ModelEnvelope *envelope, uint8_t *bytes)
{
	EnvelopeHeader header = {.version = ENVELOPE_VERSION};
	uint8_t    *to = bytes + sizeof(header);

	memcpy(header.magic, ENVELOPE_MAGIC, sizeof(header.magic));
	header.length = envelope_size(envelope);
	header.record_length = envelope->record_length;
	header.sample_length = sample_bytes(envelope->nsample, envelope->noutputs, envelope->weight != NULL);
	header.model_length = envelope->model_length;
	memcpy(bytes, &header, sizeof(header));
	to = put(to, envelope->record, envelope->record_length);
	if (envelope->nsample > 0)
	{
		EnvelopeSample sample = {envelope->held_out, envelope->nsample, envelope->noutputs,
			envelope->weight != NULL, 0};
		size_t		n = envelope->nsample * sizeof(double);

		to = put(to, &sample, sizeof(sample));
		to = put(to, envelope->actual, n);
		to = put(to, envelope->predicted, n * envelope->noutputs);
		if (envelope->weight)
			to = put(to, envelope->weight, n);
	}
	(void) put(to, envelope->model, envelope->model_length);
	model_file_seal(bytes, header.length);
}

static bool
all_zero(const uint8_t *p, size_t n)
{
	while (n-- > 0)
		if (*p++ != 0)
			return false;
	return true;
}

/* Are n numbers finite, and (least 0) not negative? */
static bool
good_numbers(const LearnEnv *env, const double *numbers, size_t n, double least)
{
	for (size_t i = 0; i < n; i++)
	{
		if (i % 65536 == 0)
			env->check(env->arg);
		if (!isfinite(numbers[i]) || numbers[i] < least)
			return false;
	}
	return true;
}

/* The sample in bytes[0 .. length). */
static bool
read_sample(const LearnEnv *env, const uint8_t *bytes, size_t length, ModelEnvelope *envelope)
{
	EnvelopeSample sample;
	size_t		n;

	if (length < sizeof(sample))
		return false;
	memcpy(&sample, bytes, sizeof(sample));
	if (sample.nsample == 0 || sample.nsample > ENVELOPE_MAX_SAMPLE || sample.noutputs == 0 ||
		sample.noutputs > LEARN_MAX_CLASSES || sample.weighted > 1 || sample.reserved != 0 ||
		sample.held_out < sample.nsample || sample.held_out > LEARN_MAX_ROWS ||
		length != sample_bytes(sample.nsample, sample.noutputs, sample.weighted == 1))
		return false;
	n = sample.nsample;
	envelope->held_out = sample.held_out;
	envelope->nsample = sample.nsample;
	envelope->noutputs = sample.noutputs;
	envelope->actual = (const double *) (const void *) (bytes + sizeof(sample));
	envelope->predicted = envelope->actual + n;
	envelope->weight = sample.weighted ? envelope->predicted + n * sample.noutputs : NULL;
	return good_numbers(env, envelope->actual, n, -INFINITY) &&
		good_numbers(env, envelope->predicted, n * sample.noutputs, -INFINITY) &&
		(envelope->weight == NULL || good_numbers(env, envelope->weight, n, 0.0));
}

bool
envelope_read(const LearnEnv *env, const uint8_t *bytes, size_t length, ModelEnvelope *envelope,
			  char *why, size_t whysize)
{
	EnvelopeHeader header;
	const char *wrong = NULL;
	size_t		at = sizeof(header);

	memset(envelope, 0, sizeof(*envelope));
	if (length < sizeof(header))
	{
		snprintf(why, whysize, "it ends after %zu bytes, within its header", length);
		return false;
	}
	memcpy(&header, bytes, sizeof(header));
	if (!envelope_is(bytes, length))
		wrong = "these are not the bytes of an export";
	else if (header.version != ENVELOPE_VERSION)
	{
		snprintf(why, whysize, "it is an export of version %u, and this Echolon reads version %d",
				 header.version, ENVELOPE_VERSION);
		return false;
	}
	else if (header.length != length)
	{
		snprintf(why, whysize, "it has %zu bytes and says it has %llu", length,
				 (unsigned long long) header.length);
		return false;
	}
	else if (header.checksum != format_checksum(env, bytes, length))
		wrong = "its checksum is wrong";
	else if (header.record_length > ENVELOPE_MAX_RECORD || header.record_length > length ||
			 header.sample_length > length || header.model_length > length ||
			 header.sample_length % FORMAT_ALIGNMENT != 0 ||
			 at + format_align(header.record_length) + header.sample_length +
			 format_align(header.model_length) != length)
		wrong = "the lengths of its parts do not add up";
	else
	{
		envelope->record = (const char *) bytes + at;
		envelope->record_length = header.record_length;
		at += format_align(header.record_length);
		if (!format_utf8((const uint8_t *) envelope->record, envelope->record_length))
			wrong = "its record is not UTF-8";
		else if (header.sample_length > 0 &&
				 !read_sample(env, bytes + at, header.sample_length, envelope))
			wrong = "its held-out sample is wrong";
		at += header.sample_length;
		envelope->model = bytes + at;
		envelope->model_length = header.model_length;
		if (wrong == NULL &&
			!(all_zero((const uint8_t *) envelope->record + envelope->record_length,
					   format_align(envelope->record_length) - envelope->record_length) &&
			  all_zero(envelope->model + envelope->model_length,
					   format_align(envelope->model_length) - envelope->model_length)))
			wrong = "bytes of its padding are not zero";
	}
	if (wrong)
		snprintf(why, whysize, "%s", wrong);
	return wrong == NULL;
}

/* ---- what is no model ------------------------------------------------------------- */

typedef struct ForeignKind
{
	const char *begins;			/* with these bytes */
	size_t		length;
	const char *what;
	const char *hint;
} ForeignKind;

#define BEGINS(s) (s), sizeof(s) - 1

#define HINT_RETRAIN	"Models of other systems cannot be imported: train on the same data with echolon_train_gb or echolon_train_rf."
#define HINT_BINARY		"COPY ... WITH (FORMAT binary) puts a header in front of each value: use echolon_export_model_file, or lo_export, or a client that writes the bytea itself."
#define HINT_TEXT		"Convert it with decode(text, 'hex') after the \\x, or decode(text, 'base64')."

/* The first that fits counts. */
static const ForeignKind foreign_kinds[] = {
	{BEGINS("\x89PNG"), "a PNG image", NULL},
	{BEGINS("\xFF\xD8\xFF"), "a JPEG image", NULL},
	{BEGINS("GIF8"), "a GIF image", NULL},
	{BEGINS("%PDF"), "a PDF document", NULL},
	{BEGINS("PGDMP"), "an archive of pg_dump", "pg_restore restores it, with the models in it."},
	{BEGINS("PGCOPY\n"), "a file of COPY in binary format", HINT_BINARY},
	{BEGINS("\\x4543484f"), "a bytea as text", HINT_TEXT},
	{BEGINS("RUNIT0xPTg"), "a model in base64", HINT_TEXT},	/* ECHOLON in base64 */
	{BEGINS("RUNIT1BLRw"), "an export in base64", HINT_TEXT}, /* ECHOPKG in base64 */
	{BEGINS("\x1F\x8B"), "a file compressed by gzip", "Decompress it first."},
	{BEGINS("BZh"), "a file compressed by bzip2", "Decompress it first."},
	{BEGINS("\xFD" "7zXZ"), "a file compressed by xz", "Decompress it first."},
	{BEGINS("(\xB5/\xFD"), "a file compressed by zstd", "Decompress it first."},
	{BEGINS("PK\x03\x04"), "a ZIP archive (as those of PyTorch, Keras and NumPy are)", HINT_RETRAIN},
	{BEGINS("\x89HDF"), "an HDF5 file (as those of Keras are)", HINT_RETRAIN},
	{BEGINS("tree\nversion="), "a model of LightGBM", HINT_RETRAIN},
	{BEGINS("binf"), "a model of XGBoost", HINT_RETRAIN},
	{BEGINS("{L\0\0"), "a model of XGBoost", HINT_RETRAIN},
	{BEGINS("CBM1"), "a model of CatBoost", HINT_RETRAIN},
	{BEGINS("{\"learner\""), "a model of XGBoost as JSON", HINT_RETRAIN},
	{BEGINS("RDX3\n"), "an R object", HINT_RETRAIN},
	{BEGINS("\x7F" "ELF"), "a program", NULL}
};

const char *
envelope_foreign(const uint8_t *bytes, size_t length, const char **hint)
{
	*hint = NULL;
	for (size_t i = 0; i < sizeof(foreign_kinds) / sizeof(foreign_kinds[0]); i++)
		if (length >= foreign_kinds[i].length &&
			memcmp(bytes, foreign_kinds[i].begins, foreign_kinds[i].length) == 0)
		{
			*hint = foreign_kinds[i].hint;
			return foreign_kinds[i].what;
		}
	/* protocols 2 to 5 begin with their number */
	if (length >= 4 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
	{
		*hint = HINT_RETRAIN;
		return "a Python pickle (as those of scikit-learn and joblib are)";
	}
	/* the beginning may end within a character */
	for (size_t cut = 0; cut < 4 && cut < length; cut++)
		if (format_utf8(bytes, (length < 512 ? length : 512) - cut))
			return "text";
	return NULL;
}
