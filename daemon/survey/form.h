/* Forms as data: what the form files say, read and made ready for folding. README.md is the page
 * for who writes a form.
 *
 * Words: dim = a dimension of a form's rows; row = a code of a dim (`_T`: the total over it, `_Z`:
 * has none); union = a row over several others; measure = a numbered column; plan = what one form
 * asks of one register's records; source = facts kept for distinct counts: which records count, by
 * which date; entity = what is counted once: persons, or whatever a list of fields names; point =
 * the end of a period, at which a stock is counted. Once loaded nothing changes. */
#ifndef SURVEY_FORM_H
#define SURVEY_FORM_H

#include "daemon/survey/form_check.h"
#include "daemon/survey/expr.h"
#include "daemon/survey/period.h"

#define FORMS_MAX 64
#define FORM_DIMS_MAX 4
#define FORM_ROWS_MAX 2000   /* of one dim */
#define FORM_CELLS_MAX 20000 /* all combinations of rows */
#define FORM_MEASURES_MAX 60
#define FORM_SOURCES_MAX 500
#define ENTITY_FIELDS_MAX 4
#define ENTITIES_MAX 64
#define SOURCE_AREAS_MAX 4
#define SOURCE_ASKS_MAX 32 /* conditions on the newest record of a register */
#define SOURCE_AGES_MAX 32
#define DIM_MANY_MAX 32 /* codes of a dim over a list */
#define DIM_UP_MAX 6	/* rows that a record counts in, of one dim: its own, unions, the total */

/* What forms and measures are called by: letters, digits, . _ and -, so that CSV and addresses need
 * no escape. */
#define FORM_ID_MAX 32
bool form_id_ok(struct text id);

struct form_source {
	const char *name; /* of the file: "02.form" */
	const char *text;
};
/* The forms that the program carries (daemon/survey/forms, embedded). */
extern const struct form_source form_sources[];
extern const size_t form_sources_n;

struct form_row {
	const char *code, *zh, *en;
};

/* Records of a register for which a condition holds stand in a row of their own. */
struct form_exception {
	const struct reg *reg;
	const struct expr *where;
	uint16_t row;
	const struct form_exception *next;
};

/* All rows that what stands in one row counts in. */
struct form_up {
	uint16_t at[DIM_UP_MAX]; /* ROW_TOTAL last; of a dim over a list it is not among them */
	uint16_t n;
};
#define ROW_TOTAL 0x7ff /* _T */

struct form_dim {
	const char *name, *zh, *en;
	const char *field;	     /* of the registers, in which its code stands */
	bool no_total;		     /* a total means nothing */
	bool many;		     /* a record stands in a row for each code of its list, and, by
					itself, in the total: once */
	const struct form_row *rows; /* codes, _Z, unions: in the order of tables; without `_T` */
	size_t n_codes;		     /* those that records stand in, _Z included */
	size_t n;		     /* with unions */
	bool none;		     /* row n_codes - 1 is _Z */
	struct form_up *ups;	     /* by row, of the first n_codes */
	const struct form_exception *exceptions;
	bool other;  /* row n_codes - 1 - none is _O: codes that are not in the list */
	bool sorted; /* the codes of the list ascend */
};

/* From how many a row of a survey is given out. */
struct form_publish {
	const struct field *unit; /* who reported */
	int64_t least_units, least_values;
	int64_t largest; /* percent of the values that may be one unit's; 100: all */
	/* units of one group count as one: `group` in the record of the register whose key is the
	 * unit; NULL: each counts for itself */
	const struct reg *group_register;
	const struct field *group, *group_unit;
};

enum measure_kind {
	MEASURE_EVENTS,
	MEASURE_SUM,
	MEASURE_DISTINCT,
	MEASURE_QUANTILE, /* of single values, which are kept */
	MEASURE_CELL,	  /* taken out of other forms when asked */
	MEASURE_TIME,	  /* how much of the year is gone, percent */
	MEASURE_FORECAST, /* what the year will bring at this pace */
	MEASURE_FORMULA,  /* made of other columns when asked; nothing is kept */
	MEASURE_QUALITY,  /* of returns and of what ledgers wrote, when asked */
};

/* QUALITY: of what. Returns count where their due day lies in the period, activity by the day on
 * which an entry was written. */
enum measure_quality {
	QUALITY_NONE,
	QUALITY_EXPECTED, /* returns that are due */
	QUALITY_RECEIVED, /* of these: signed at least once */
	QUALITY_ON_TIME,  /* of these: for the first time up to the due day */
	QUALITY_LATE,	  /* or after it */
	QUALITY_MISSING,  /* expected and not received */
	QUALITY_HARD,	  /* places of their forms in which a hard check does not hold */
	QUALITY_SOFT,	  /* or a soft one, that nobody has explained */
	QUALITY_ENTRIES,
	QUALITY_CORRECTIONS,
	QUALITY_RETRACTIONS,
	QUALITY_REFUSED, /* rows */
	QUALITY_AGE,	 /* days from the newest entry up to the period's end to that end */
};

/* What a number is, and so how it is printed. */
enum measure_format {
	FORMAT_WHOLE,
	FORMAT_TENTHS,	   /* one decimal if it is not whole */
	FORMAT_MONEY,	   /* fen, shown as yuan with two decimals */
	FORMAT_HUNDREDTHS, /* ratios and means: two decimals */
};

/* When a record or an entity counts in a period. */
enum measure_time {
	TIME_IN,      /* its date lies in the period */
	TIME_END,     /* it is in stock at the end of the period's last day */
	TIME_START,   /* it was at the end of the day before the period */
	TIME_ANY,     /* it is at any time of the period */
	TIME_ENTERED, /* in stock at the end, and not at the end of the period before */
	TIME_LEFT,    /* the other way round */
	TIME_GONE,    /* records: in stock at the end of the period before, or begun since, and not
			 in stock at the end */
};

/* How long a record is in stock. */
struct measure_stock {
	const struct field *until;   /* from this day on no more; or NULL */
	const struct field *through; /* up to this day, and then no more; or NULL */
};

#define CELL_ROWS_MAX 8
/* What a row takes out of another form: the sum over rows, divided by that over others if given. */
struct form_cell {
	uint16_t row; /* of the first dim */
	const char *form, *measure;
	const char *rows[CELL_ROWS_MAX]; /* a code for each dim, joined by blanks */
	const char *per[CELL_ROWS_MAX];
	size_t n_rows, n_per;
	bool percent;
	bool pace;		    /* grows over the year: a forecast stretches it */
	const char *unit, *unit_en; /* of this row, or "" */
	const char *file;
	int line;
	const struct form_cell *next;
};

struct measure {
	const char *id, *zh, *en;
	enum measure_kind kind;
	enum measure_time time;
	const struct reg *reg;
	const struct field *date; /* of a stock: from this day on */
	struct measure_stock stock;
	int of;			   /* index of the measure whose conditions hold too; -1 */
	const struct expr *where;  /* its own condition, or NULL */
	const struct field *sum;   /* SUM; QUANTILE: of which values */
	const struct field *since; /* SUM without a field: of the days from this date to `date` */
	int quantile;		   /* QUANTILE: percent */
	unsigned source;	   /* DISTINCT: number of its source */
	unsigned with; /* DISTINCT: only entities with a fact of this source too; 0: all */
	/* DISTINCT and in stock: what is asked of the person at the point */
	const struct expr *whose; /* of sex and age; or NULL */
	unsigned newest;	  /* source of which the newest record is asked; 0: nothing is */
	unsigned ask;		  /* number of the condition there */
	bool or_none;		  /* holds also without such a record */
	/* FORMULA: terms of columns before it; divided by others, or by a number, when given */
	const struct check_side *formula, *per;
	int64_t divisor; /* 0: none */
	bool percent;	 /* the quotient times 100 */
	enum measure_format format;
	unsigned periods; /* bit of each kind of period in which it applies; else it does not */
	const struct form_cell *cells; /* CELL */
	unsigned forecast;	       /* FORECAST: of this column */
	enum measure_quality quality;
	const struct field *place; /* the area that a record counts in, and only there; NULL: its
				      district and the city */
	int reported;		   /* where this column is 0 nothing was reported; -1 */
	bool hidden;		   /* others build on it; it is not shown */
};

/* What a form asks of records of one register. */
struct form_plan {
	const struct form *form;
	const struct reg *reg;
	const struct field *fields[FORM_DIMS_MAX]; /* by dim: where its code stands */
	const struct form_plan *next;		   /* of the same register */
};

struct form {
	const char *id, *file;
	const char *title, *title_en, *unit, *unit_en, *edition;
	const char *number, *issuer, *approver, *approval, *valid_until; /* the head, as printed */
	int from_day;	/* yyyymmdd: this edition counts for periods that end on it or later; 0: the
			   first one */
	unsigned index; /* among the forms: its number in cells */
	unsigned periods; /* bit of each period kind that it has */
	unsigned points;  /* the kind of period (its number) at whose ends stocks are kept: the
			     finest one that it, or who refers to it, needs */
	bool cumulative;  /* its months are also shown from January on */
	bool always_cumulative; /* they are never shown otherwise */
	const struct forms *set;
	struct form_dim dims[FORM_DIMS_MAX];
	size_t n_dims;
	struct measure measures[FORM_MEASURES_MAX];
	size_t n_measures;
	const struct form_check *checks;
	int sample; /* the measure whose records make the single values; -1: none */
	const struct form_publish *publish; /* NULL: all is given out */
};

enum source_kind {
	SOURCE_IN,     /* in which months, in which rows */
	SOURCE_WITH,   /* from which month until which, without rows */
	SOURCE_STOCK,  /* from which point until which, in which rows */
	SOURCE_NEWEST, /* by day, without rows; which of its conditions hold */
};

/* Which facts are kept of whom. Numbers begin at 1. */
struct source {
	unsigned number;
	enum source_kind kind;
	const struct form *form;
	const struct reg *reg;
	int measure; /* the measure whose conditions make it; -1: `where` does, and it has no rows
		      */
	const struct expr *where; /* may be NULL: all */
	const struct field *date;
	const struct field *until; /* the fact ends with this date; NULL: never */
	unsigned entity;
	/* STOCK */
	struct measure_stock stock;
	bool any;    /* counts at any time of a period, not at its end */
	int highest; /* of an entity's facts only the one whose row of this dim stands last counts;
			-1: all do */
	unsigned areas[SOURCE_AREAS_MAX]; /* NEWEST sources: the first that has a record names the
					     area; none: who took the record in */
	size_t n_areas;
	bool whose;		   /* a measure asks for sex or age */
	int ages[SOURCE_AGES_MAX]; /* at which the answer may change */
	size_t n_ages;
	/* NEWEST */
	const struct expr *asks[SOURCE_ASKS_MAX];
	const char *ask_texts[SOURCE_ASKS_MAX];
	size_t n_asks;
	const struct source *next; /* of the same register */
};

/* What is counted once. Number 0: persons. */
struct entity {
	const struct reg *reg;
	const struct field *fields[ENTITY_FIELDS_MAX];
	size_t n_fields;
	bool district; /* the same values in two districts are two */
	const char *name;
};

#define FORMS_REGISTERS_MAX 64
struct forms {
	/* All files by name, each "NAME SIZE\n" and its text: what made this set, to be kept with
	 * what it counted; in the arena. */
	struct text files;
	uint8_t digest[32];		     /* BLAKE2b-256 of `files` */
	const struct calendar_row *calendar; /* NULL: nothing is ever due */
	struct arena arena;
	struct form *forms[FORMS_MAX]; /* by id, and by edition */
	size_t n;
	struct source *sources[FORM_SOURCES_MAX + 1];
	unsigned n_sources; /* 1 … n_sources */
	struct entity entities[ENTITIES_MAX];
	unsigned n_entities;
	/* by the register's index in registers() */
	const struct form_plan *plans[FORMS_REGISTERS_MAX];
	uint64_t group_registers; /* bits: a form takes groups of units from it */
	const struct source *reg_sources[FORMS_REGISTERS_MAX];
};

/* Reads forms, and a calendar if one is among the files (calendar.h); NULL and "FILE:LINE: words"
 * when one does not fit. registers_init() was called. */
struct forms *forms_open(const struct form_source *sources, size_t n, struct errmsg *m);
/* The same from the files *.form of a directory. */
struct forms *forms_open_dir(const char *dir, struct errmsg *m);
/* The forms of a directory ("": those of the program) with the calendar of a file ("": that of the
 * program). */
struct forms *forms_open_place(const char *dir, const char *calendar, struct errmsg *m);
/* Appends the files of a directory whose names end in `suffix` (".form") to out, which has room for
 * `size`: name and text are the caller's, to free() one by one, also after an error (words in m).
 * In the order in which the directory has them. */
MUST_CHECK int form_dir_files(const char *dir, const char *suffix, struct form_source *out,
	size_t size, size_t *n, struct errmsg *m);
/* The same from what `files` of another set holds. */
struct forms *forms_open_files(struct text files, struct errmsg *m);
void forms_close(struct forms *fs);
/* The newest edition; NULL when there is no such form. */
const struct form *forms_find(const struct forms *fs, struct text id);
/* The edition in force at the period's end (before the first one: the first); NULL as above. */
const struct form *forms_at(const struct forms *fs, struct text id, const struct period *p);
/* Is the form past its date on this day (yyyymmdd)? Then it is void: it can be read, not signed. A
 * text that is no date is past. */
bool form_is_void(const struct form *f, int day);
/* Index of a measure, or -1. */
int form_measure_find(const struct form *f, struct text id);
/* The row of each dim for "CODE CODE"; false when there is no such row. */
bool form_row_find(const struct form *f, const char *codes, uint16_t rows[FORM_DIMS_MAX]);
/* Is it made of returns or activity? Such a form is no return itself. */
bool form_of_returns(const struct form *f);
size_t form_register_index(const struct reg *reg);
/* Rows of a dim, `_T` included; all combinations of them. */
static inline size_t form_dim_rows(const struct form *f, size_t dim)
{
	return f->dims[dim].n + 1;
}
size_t form_rows(const struct form *f);
/* Does it count records, or is it made when asked? */
static inline bool form_kept(const struct measure *mm)
{
	return mm->reg != NULL;
}
/* Is the measure kept by months, to be added up? */
static inline bool form_adds_up(const struct measure *mm)
{
	return (mm->kind == MEASURE_EVENTS || mm->kind == MEASURE_SUM) && mm->time == TIME_IN;
}
/* The next combination of rows that what stands in `rows` counts in; *i begins at 0. False: there
 * are no more. */
bool form_up_next(const struct form *f, const uint16_t rows[FORM_DIMS_MAX], size_t *i,
	uint16_t out[FORM_DIMS_MAX]);

/* ---- while loading (form_read.c) ---- */

/* Reads one file into the next of fs->forms. */
MUST_CHECK int form_read(struct forms *fs, const char *file, struct text in, struct errmsg *m);

#endif
