/* The smallest user of an installed siptls. Every linked backend shows that its library is really
 * there. */
#include <siptls/siptls.h>
#include <stdio.h>

int main(void) {
    return printf("siptls %s\n", stls_version()) > 0 ? 0 : 1;
}
