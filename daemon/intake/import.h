/* POST /v1/records/{register}: a file comes in over the control socket and becomes records.
 *
 * The body is the file. The answer, by Accept: text/csv, the refused rows as a CSV that can be
 * corrected and imported again; else a JSON object {"rows": [{"line", "faults": [{"code", "field",
 * "reason"}], "row": {…}}], "accepted", "changed", "unchanged", "refused"}. The counts stand also
 * in the headers Tally-Accepted, Tally-Changed, Tally-Unchanged, Tally-Refused. Tally-Exit: 3 when
 * rows were refused. */
#ifndef COLLECTOR_IMPORT_H
#define COLLECTOR_IMPORT_H

#include "daemon/api/api.h"

extern const struct api_upload import_upload;

#endif
