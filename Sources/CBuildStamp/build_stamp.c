#include "build_stamp.h"

#if __has_include("stamp.h")
#include "stamp.h" /* by scripts/stamp-commit */
#else
#define BUILD_COMMIT ""
#endif

const char *build_commit(void) { return BUILD_COMMIT; }
