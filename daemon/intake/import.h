/* Files over the control socket: POST /v1/records/{register}, and POST …/retract for many records
 * that are to be taken back.
 *
 * The body is the file: CSV, tabs, XLSX or NDJSON by its Content-Type, else by the name in
 * Tally-Source, else by its bytes. The answer, where Accept names text/csv: the refused rows as a
 * CSV that can be corrected and given again; else a JSON object {"rows": [{"line", "faults":
 * [{"code", "field", "reason"}], "row": {…}}], "accepted", "changed", "retracted", "unchanged",
 * "refused"}. The counts stand also in the headers Tally-Accepted, Tally-Changed, Tally-Retracted,
 * Tally-Unchanged, Tally-Refused; what the user should know of the file in Tally-Warning.
 * Tally-Exit: 3 when rows were refused. */
#ifndef COLLECTOR_IMPORT_H
#define COLLECTOR_IMPORT_H

#include "daemon/api/api.h"

extern const struct api_upload import_upload;
extern const struct api_upload retract_upload; /* reason: of the records without one in the file */

#endif
