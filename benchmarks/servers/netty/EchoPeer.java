// Netty with the same pipeline as echo.mjs: idle, frame decoder, prepender, pass-through, echo; one event loop.
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.handler.timeout.IdleStateHandler;
import java.util.ArrayList;
import java.util.List;

public class EchoPeer {
  static class Echo extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      context.write(message);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      context.flush();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }

  /** Live objects as the servers of Node have them, STATE_MB of them: a triple takes about 100 bytes. */
  static final List<Object[]> state = new ArrayList<>();

  public static void main(String[] args) throws Exception {
    int megabytes = Integer.parseInt(System.getenv().getOrDefault("STATE_MB", "0"));
    for (int i = 0; i < megabytes * 10_000; i++) {
      state.add(new Object[] {i, "x" + i, new Object[] {i}});
    }
    new ServerBootstrap()
        .group(new NioEventLoopGroup(1))
        .channel(NioServerSocketChannel.class)
        .option(ChannelOption.SO_BACKLOG, 1024)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childHandler(
            new ChannelInitializer<SocketChannel>() {
              @Override
              protected void initChannel(SocketChannel channel) {
                channel
                    .pipeline()
                    .addLast(
                        new IdleStateHandler(60, 0, 0),
                        new LengthFieldBasedFrameDecoder(1 << 20, 0, 4, 0, 4),
                        new LengthFieldPrepender(4),
                        new ChannelDuplexHandler(),
                        new Echo());
              }
            })
        .bind(args.length > 1 ? args[1] : "127.0.0.1", Integer.parseInt(args[0]))
        .sync();
    System.out.println("ready");
  }
}
