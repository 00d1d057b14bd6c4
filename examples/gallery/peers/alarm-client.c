/*
 * The alarm client and its server in C: alarm-client server|client HOST PORT [INTERVAL [glued]]
 * INTERVAL, of the client, is in seconds. With `glued` it sends each typed line behind a keepalive, in one write.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define KEEPALIVE "keepalive"
#define LENGTH 9
#define READ 4096
#define TRIES 5

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
  (void)number;
  alarms++;
}

static struct sockaddr_in place_of(const char *host, const char *port) {
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  inet_pton(AF_INET, host, &place.sin_addr);
  return place;
}

/* A socket that is connected, or -1. */
static int connect_to(const struct sockaddr_in *place) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (const struct sockaddr *)place, sizeof *place) == 0) return fd;
  close(fd);
  return -1;
}

/* While a server dies, its port may accept one more connection, which is gone at once. */
static int stays(int fd) {
  struct pollfd ended = {.fd = fd, .events = POLLRDHUP};
  if (poll(&ended, 1, 100) == 0) return 1;
  close(fd);
  return 0;
}

/* Tries at 0, 3, 6, 9 and 12 seconds. */
static int reconnect(const struct sockaddr_in *place) {
  for (int try = 1; try <= TRIES; try++) {
    puts("------Reconnect ...-----");
    int fd = connect_to(place);
    if (fd != -1 && stays(fd)) return fd;
    if (try < TRIES) {
      struct timespec left = {.tv_sec = 3};
      while (nanosleep(&left, &left) == -1 && errno == EINTR) continue;
    }
  }
  puts("The reconnect failed!!!");
  exit(1);
}

static int run_client(const struct sockaddr_in *place, double interval, int glued) {
  char line[LENGTH + READ], text[READ + 1];
  int fd = connect_to(place), counts = 0;
  if (fd == -1) {
    perror("connect");
    return 1;
  }
  sigset_t none, blocked;
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGALRM);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  signal(SIGALRM, on_alarm);
  struct timeval every = {.tv_sec = interval, .tv_usec = (interval - (long)interval) * 1e6};
  struct itimerval timer = {.it_interval = every, .it_value = every};
  setitimer(ITIMER_REAL, &timer, NULL);

  struct pollfd ready[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  puts("send msg to server:");
  for (;;) {
    int count = ppoll(ready, 2, NULL, &none);
    for (; counts < alarms; send(fd, KEEPALIVE, LENGTH, MSG_NOSIGNAL))
      printf("Get a SIGALRM, %d counts!\n", ++counts);
    if (count <= 0) continue;
    if (ready[0].revents != 0) {
      ssize_t size = recv(fd, text, READ, 0);
      if (size > 0) {
        text[size] = 0;
        printf("recv msg from server: %s", text);
      } else {
        close(fd);
        ready[0].fd = fd = reconnect(place);
      }
      puts("send msg to server:");
    }
    if (ready[1].revents != 0) {
      ssize_t size = read(0, line + LENGTH, READ);
      if (size <= 0) ready[1].fd = -1;
      else if (size == 5 && memcmp(line + LENGTH, "exit\n", 5) == 0) break;
      else if (glued) send(fd, memcpy(line, KEEPALIVE, LENGTH), LENGTH + size, MSG_NOSIGNAL);
      else send(fd, line + LENGTH, size, MSG_NOSIGNAL);
    }
  }
  puts("The socket is free....");
  return 0;
}

/* One client at a time. */
static void serve(int fd) {
  char text[READ + 1], answer[READ];
  for (;;) {
    ssize_t size = recv(fd, text, READ, 0);
    if (size <= 0) break;
    text[size] = 0;
    const char *rest = text;
    while (strncmp(rest, KEEPALIVE, LENGTH) == 0) rest += LENGTH;
    if (*rest == 0) continue;
    printf("Recv msg from client: %s", rest);
    puts("send msg to Client:");
    if (fgets(answer, sizeof answer, stdin) == NULL) continue;
    send(fd, answer, strlen(answer), MSG_NOSIGNAL);
  }
  puts("Client disconnected");
  close(fd);
}

static int run_server(struct sockaddr_in *place) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  socklen_t size = sizeof *place;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)place, size) == -1 || listen(listener, 10) == -1) {
    perror("bind");
    return 1;
  }
  getsockname(listener, (struct sockaddr *)place, &size);
  printf("%s:%d\n", inet_ntoa(place->sin_addr), ntohs(place->sin_port));
  puts("====Waiting for client's request=======");
  for (;;) serve(accept(listener, NULL, NULL));
}

int main(int count, char **args) {
  if (count < 4) {
    fprintf(stderr, "usage: %s server|client HOST PORT [INTERVAL [glued]]\n", args[0]);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct sockaddr_in place = place_of(args[2], args[3]);
  if (strcmp(args[1], "server") == 0) return run_server(&place);
  return run_client(&place, count > 4 ? atof(args[4]) : 10, count > 5);
}
