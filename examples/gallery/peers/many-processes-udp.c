// A client of Swoole's UDP server: peer packet-c HOST PORT [COUNT]
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char *argv[]) {
  if (argc < 4) return 2;
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *place;
  if (getaddrinfo(argv[2], argv[3], &hints, &place) != 0) return 2;
  int client = socket(place->ai_family, SOCK_DGRAM, 0);
  struct timeval second = {.tv_sec = 1};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  int count = argc > 4 ? atoi(argv[4]) : 1;
  for (int i = 1, lost = 0; i <= count; i++) {
    char text[32], answer[65536];
    int length = snprintf(text, sizeof text, "hello %d", i);
    ssize_t got = -1;
    while (got <= 0) {
      sendto(client, text, length, 0, place->ai_addr, place->ai_addrlen);
      got = recvfrom(client, answer, sizeof answer - 1, 0, NULL, NULL);
      if (got <= 0 && ++lost > 30) return 1;
    }
    answer[got] = 0;
    puts(answer);
  }
  freeaddrinfo(place);
  close(client);
  return 0;
}
