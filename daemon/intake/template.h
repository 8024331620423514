/* The empty file of a register, for clerks: CSV with its headers, or an XLSX workbook with a line
 * of hints below them, lists to choose from, and columns that keep numbers that are names as text.
 */
#ifndef INTAKE_TEMPLATE_H
#define INTAKE_TEMPLATE_H

#include "daemon/api/api.h"

/* Handler: {register}; lang, format (csv or xlsx; else by Accept). The context is the struct
 * daemon.
 */
void template_show(struct api_call *call);

#endif
