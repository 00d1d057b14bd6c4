/*
 * Heartbeats as echoes, in C: empty-packet ROLE HOST PORT [INTERVAL]
 * `echo` is a client that sends each heartbeat back, `deaf` one that does not; typed lines are sent as frames.
 * `server` sends an empty frame after INTERVAL seconds of quiet, and gives a client up that has missed three.
 * A frame is its length in four bytes, and the text. A heartbeat is empty, or carries data after a byte of 0.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGEST 1024

static void send_frame(int fd, const char *text, uint32_t size) {
  char frame[4 + LARGEST];
  uint32_t length = htonl(size);
  memcpy(frame, &length, 4);
  memcpy(frame + 4, text, size);
  send(fd, frame, 4 + size, MSG_NOSIGNAL);
}

/* The length of the next frame, or -1 at the end. */
static int receive_frame(int fd, char *text) {
  uint32_t length;
  if (recv(fd, &length, 4, MSG_WAITALL) != 4) return -1;
  length = ntohl(length);
  if (length > LARGEST) return -1;
  if (length > 0 && recv(fd, text, length, MSG_WAITALL) != length) return -1;
  text[length] = 0;
  return length;
}

static int is_heartbeat(const char *text, int size) { return size == 0 || text[0] == 0; }

static void run_client(int fd, int is_deaf) {
  char text[LARGEST + 1], line[LARGEST];
  struct pollfd ready[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  puts("connected");
  while (poll(ready, 2, -1) > 0) {
    if (ready[0].revents != 0) {
      int size = receive_frame(fd, text);
      if (size == -1) break;
      if (!is_heartbeat(text, size)) printf("got %s\n", text);
      else if (size == 0) puts("heartbeat");
      else printf("heartbeat with %s\n", text + 1);
      if (is_heartbeat(text, size) && !is_deaf) send_frame(fd, text, size);
    }
    if (ready[1].revents != 0) {
      ssize_t size = read(0, line, sizeof line);
      if (size <= 0) ready[1].fd = -1;
      else send_frame(fd, line, size - 1);
    }
  }
  puts("closed");
}

static void serve(int fd, int interval_ms) {
  char text[LARGEST + 1];
  int missed = 0;
  puts("client is there");
  for (;;) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, interval_ms) == 0) {
      if (missed == 3) break;
      missed++;
      send_frame(fd, "", 0);
      continue;
    }
    int size = receive_frame(fd, text);
    if (size == -1) break;
    missed = 0;
    if (is_heartbeat(text, size)) puts("heartbeat");
    else printf("got %s\n", text);
  }
  printf("client is gone after %d missed\n", missed);
  close(fd);
}

int main(int count, char **args) {
  if (count < 4) {
    fprintf(stderr, "usage: %s server|echo|deaf HOST PORT [INTERVAL]\n", args[0]);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(args[3]))};
  socklen_t size = sizeof place;
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  inet_pton(AF_INET, args[2], &place.sin_addr);
  if (strcmp(args[1], "server") != 0) {
    if (connect(fd, (struct sockaddr *)&place, size) == 0) run_client(fd, args[1][0] == 'd');
    else perror("connect");
    return 0;
  }
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&place, size) == -1 || listen(fd, 10) == -1) {
    perror("bind");
    return 1;
  }
  getsockname(fd, (struct sockaddr *)&place, &size);
  printf("%s:%d\n", inet_ntoa(place.sin_addr), ntohs(place.sin_port));
  for (;;) serve(accept(fd, NULL, NULL), (count > 4 ? atof(args[4]) : 10) * 1000);
}
