import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.handler.timeout.IdleState;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;

/**
 * Both ends of netty-peer on Netty alone.
 *
 * NettyPeer server HOST PORT [IDLE_MS]      the line protocol
 * NettyPeer client HOST PORT [INTERVAL_MS]  signs in as "netty", sends lines of standard input, PING when it is quiet
 * NettyPeer frames HOST PORT [COUNT]        listens; sends and gets so many frames, and closes the connection
 */
public class NettyPeer {
  private static final int MAX_LINE = 8192;
  private static final int MAX_FRAME = 65_535;

  public static void main(String[] arguments) {
    try {
      run(arguments);
    } catch (Exception error) {
      System.err.println(error);
      System.exit(1);
    }
  }

  private static void run(String[] arguments) throws Exception {
    String role = arguments[0];
    InetSocketAddress place = new InetSocketAddress(arguments[1], Integer.parseInt(arguments[2]));
    int number = arguments.length > 3 ? Integer.parseInt(arguments[3]) : 0;
    EventLoopGroup group = new NioEventLoopGroup(1);
    if (role.equals("client")) {
      client(group, place, number == 0 ? 30_000 : number);
      return;
    }
    int setting = number != 0 ? number : role.equals("server") ? 120_000 : 100_000;
    Channel listener =
        new ServerBootstrap()
            .group(group)
            .channel(NioServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    if (role.equals("server")) serve(channel, setting);
                    else exchange(channel, setting);
                  }
                })
            .bind(place)
            .sync()
            .channel();
    InetSocketAddress local = (InetSocketAddress) listener.localAddress();
    System.out.println(local.getHostString() + ":" + local.getPort());
  }

  private static void serve(Channel channel, int idleMs) {
    channel
        .pipeline()
        .addLast(new IdleStateHandler(idleMs, 0, 0, TimeUnit.MILLISECONDS))
        .addLast(new Lines())
        .addLast(new Service());
  }

  private static void client(EventLoopGroup group, InetSocketAddress place, int intervalMs)
      throws Exception {
    Channel channel =
        new Bootstrap()
            .group(group)
            .channel(NioSocketChannel.class)
            .handler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    channel
                        .pipeline()
                        .addLast(new IdleStateHandler(0, intervalMs, 0, TimeUnit.MILLISECONDS))
                        .addLast(new Lines())
                        .addLast(new Printer());
                  }
                })
            .connect(place)
            .sync()
            .channel();
    channel.closeFuture().addListener(future -> {
      System.out.println("closed");
      System.exit(0);
    });
    send(channel, "AUTH:netty");
    BufferedReader typed = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = typed.readLine(); line != null; line = typed.readLine()) send(channel, line);
  }

  private static void exchange(Channel channel, int count) {
    channel
        .pipeline()
        .addLast(new LengthFieldBasedFrameDecoder(MAX_FRAME + 2, 0, 2, 0, 2))
        .addLast(new LengthFieldPrepender(2))
        .addLast(new Frames(count));
  }

  private static ChannelFuture send(Channel channel, String line) {
    return channel.writeAndFlush(Unpooled.copiedBuffer(line + "\n", StandardCharsets.UTF_8));
  }

  /** Lines of at most 8192 bytes. */
  private static class Lines extends ByteToMessageDecoder {
    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf bytes, List<Object> lines) {
      int length = bytes.bytesBefore((byte) '\n');
      if (length > MAX_LINE || (length < 0 && bytes.readableBytes() > MAX_LINE)) {
        context.close();
        return;
      }
      if (length < 0) return;
      String line = bytes.readCharSequence(length, StandardCharsets.UTF_8).toString();
      bytes.skipBytes(1);
      lines.add(line.endsWith("\r") ? line.substring(0, length - 1) : line);
    }
  }

  /** What a client of the line protocol gets. */
  private static class Service extends SimpleChannelInboundHandler<String> {
    private boolean isSignedIn;

    @Override
    protected void channelRead0(ChannelHandlerContext context, String line) {
      System.out.println(line);
      if (line.equals("PING")) send(context.channel(), "PONG");
      else if (line.startsWith("AUTH:")) signIn(context, line.substring(5).trim());
      else if (isSignedIn) send(context.channel(), "ECHO:" + line);
      else send(context.channel(), "ERR:UNAUTH").addListener(ChannelFutureListener.CLOSE);
    }

    private void signIn(ChannelHandlerContext context, String id) {
      isSignedIn = isSignedIn || !id.isEmpty();
      send(context.channel(), id.isEmpty() ? "ERR:EMPTY_CLIENT_ID" : "AUTH_OK");
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
      if (!(event instanceof IdleStateEvent)) return;
      send(context.channel(), "ERR:IDLE_TIMEOUT").addListener(ChannelFutureListener.CLOSE);
    }
  }

  /** Prints what comes, and beats in silence. */
  private static class Printer extends SimpleChannelInboundHandler<String> {
    @Override
    protected void channelRead0(ChannelHandlerContext context, String line) {
      System.out.println(line);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
      if (!(event instanceof IdleStateEvent)) return;
      if (((IdleStateEvent) event).state() == IdleState.WRITER_IDLE) send(context.channel(), "PING");
    }
  }

  /** What went in one direction. */
  private static class Digest {
    private final CRC32 crc = new CRC32();
    private int frames;

    void add(ByteBuf frame) {
      frames += 1;
      if (frame.isReadable()) crc.update(frame.nioBuffer());
    }

    String text() {
      return String.format("%d frames, digest %08x", frames, crc.getValue());
    }
  }

  /** Sends frames while the peer takes them, and closes when all have gone and come. */
  private static class Frames extends ChannelInboundHandlerAdapter {
    private final int count;
    private final Digest sent = new Digest();
    private final Digest received = new Digest();
    private final Random random = new Random();
    private final ByteBuf pool = Unpooled.directBuffer(1 << 24);
    private boolean isFlushed;
    private boolean isSending;

    Frames(int count) {
      this.count = count;
      byte[] bytes = new byte[1 << 24];
      random.nextBytes(bytes);
      pool.writeBytes(bytes);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
      send(context);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
      send(context);
    }

    /** A write may change the writability within the call, between the length of a frame and its bytes. */
    private void send(ChannelHandlerContext context) {
      if (isSending) return;
      isSending = true;
      do {
        write(context);
        context.flush();
      } while (context.channel().isWritable() && sent.frames < count);
      isSending = false;
    }

    private void write(ChannelHandlerContext context) {
      while (context.channel().isWritable() && sent.frames < count) {
        int length = random.nextInt(MAX_FRAME + 1);
        ByteBuf frame = pool.retainedSlice(random.nextInt(pool.capacity() - MAX_FRAME), length);
        sent.add(frame);
        ChannelFuture written = context.write(frame);
        if (sent.frames < count) continue;
        written.addListener(future -> {
          isFlushed = true;
          closeAfterAll(context);
        });
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      ByteBuf frame = (ByteBuf) message;
      received.add(frame);
      frame.release();
      closeAfterAll(context);
    }

    private void closeAfterAll(ChannelHandlerContext context) {
      if (!isFlushed || received.frames < count) return;
      System.out.println("sent " + sent.text());
      System.out.println("received " + received.text());
      context.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
      System.err.println(error);
      context.close();
    }
  }
}
