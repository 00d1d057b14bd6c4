import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/**
 * The clients of retry-every-second with one exchange for each connection.
 *
 * RetryEverySecond once|repeat HOST PORT [INTERVAL_MS]
 */
public class RetryEverySecond {
  public static void main(String[] arguments) throws InterruptedException {
    String role = arguments[0];
    String host = arguments[1];
    int port = Integer.parseInt(arguments[2]);
    long intervalMs = arguments.length > 3 ? Long.parseLong(arguments[3]) : 1000;
    if (!role.equals("once") && !role.equals("repeat")) {
      System.err.println("no role " + role);
      System.exit(2);
    }
    do {
      try {
        System.out.println("Received " + exchange(host, port));
        if (role.equals("once")) return;
      } catch (IOException error) {
        System.out.println("Failed to connect to server, retrying in 1 second");
      }
      Thread.sleep(intervalMs);
    } while (true);
  }

  private static String exchange(String host, int port) throws IOException {
    try (Socket socket = new Socket(host, port)) {
      socket.getOutputStream().write("Hello, world!".getBytes(StandardCharsets.UTF_8));
      byte[] answer = new byte[1024];
      int length = socket.getInputStream().read(answer);
      if (length < 0) throw new IOException("no answer");
      return new String(answer, 0, length, StandardCharsets.UTF_8);
    }
  }
}
