/* Numbers and dates as a workbook and JSON write them, as people write them. No allocation. */
#ifndef READER_NUMBER_H
#define READER_NUMBER_H

#include "proto/text.h"

#define NUMBER_TEXT_MAX 64
#define DATE_TEXT_MAX 11 /* yyyy-mm-dd and the NUL */

enum number_verdict {
	NUMBER_GOOD,
	NUMBER_LONG, /* more digits than a double holds (15): its last ones are not what was typed
		      */
	NUMBER_NONE  /* no number, or not a finite one */
};

/* [+-]digits[.digits][e[+-]digits] → plain decimal of at most 15 significant digits, which takes
 * the noise of binary fractions away (12.300000000000001 → 12.3). Integers of up to 15 digits stay
 * as they are. NUL-terminated; "" with NUMBER_NONE. */
enum number_verdict number_plain(char out[NUMBER_TEXT_MAX], struct text t);

/* A date as a workbook counts days. False: there is no such date (before 1900-01-01, after
 * 9999-12-31, or the 29 February 1900 that never was). A part of a day is left out; it is rounded
 * to the second first. */
bool number_date(char out[DATE_TEXT_MAX], struct text serial, bool since_1904);

#endif
