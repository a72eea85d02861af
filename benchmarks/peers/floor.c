/* The minimum that a clock server can do: one timer at the start of each second, and
 * one send for each client. It ignores everything else. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MOST 65536

static int clients[MOST];
static int count;

static void send_line(int client, const char *line)
{
    if (send(client, line, 9, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return;
}

static void render(char *line)
{
    /* time() may be some milliseconds behind. */
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(line, 10, "%H:%M:%S\n", &local);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listening, (struct sockaddr *)&address, length) ||
        listen(listening, 4096) ||
        getsockname(listening, (struct sockaddr *)&address, &length)) {
        perror("floor");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    int timer = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec every = {.it_value.tv_sec = time(NULL) + 1,
                               .it_interval.tv_sec = 1};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &every, NULL);

    struct pollfd polled[] = {{listening, POLLIN, 0}, {timer, POLLIN, 0}};
    char line[10];
    for (;;) {
        poll(polled, 2, -1);
        if (polled[1].revents) {
            uint64_t ticks;
            if (read(timer, &ticks, sizeof ticks) < 0)
                continue;
            render(line);
            for (int i = 0; i < count; i++)
                send_line(clients[i], line);
        }
        if (polled[0].revents) {
            int client = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
            if (client >= 0 && count < MOST) {
                clients[count++] = client;
                render(line);
                send_line(client, line);
            }
        }
    }
}
