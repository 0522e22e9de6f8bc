#include <pj/stub.h>
