// The heartbeat client of retry-every-second, with the original's faults: once connected it never tries again, and
// writing to a server that is gone ends it by SIGPIPE.
//
// retry-every-second heartbeat HOST PORT [INTERVAL_MS]
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>

int main(int count, char **arguments) {
  if (count < 4 || std::strcmp(arguments[1], "heartbeat") != 0) {
    std::cerr << "heartbeat HOST PORT [INTERVAL_MS]" << std::endl;
    return 2;
  }
  const std::chrono::milliseconds interval(count > 4 ? std::stoi(arguments[4]) : 1000);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<uint16_t>(std::stoi(arguments[3])));
  if (inet_pton(AF_INET, arguments[2], &server.sin_addr) != 1) return 2;

  int connection;
  for (;;) {
    connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, reinterpret_cast<sockaddr *>(&server), sizeof server) == 0) break;
    close(connection);
    std::this_thread::sleep_for(interval);
  }
  std::cout << "Connected to server" << std::endl;
  const std::string beat = "heartbeat";
  for (;;) {
    // As the original, it does not look at an error: after a reset the first write has one, the second a signal.
    [[maybe_unused]] const auto written = write(connection, beat.data(), beat.size());
    std::this_thread::sleep_for(interval);
  }
}
