/* Around the example of the README, which run.sh puts before it: connects a plain, blocking socket to 127.0.0.1 PORT
 * and lets the example secure it for DOMAIN. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons((unsigned short)atoi(argc > 2 ? argv[1] : "0"));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (argc != 3 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        return 2;
    }
    stls_conn *conn = secure(fd, argv[2]);
    if (conn == NULL) {
        return 1;
    }
    printf("%s\n", stls_conn_is_secure(conn) ? "secure" : "not secure");
    stls_conn_close(conn);
    stls_conn_free(conn);
    return 0;
}
