// Netty's datagrams, echoed; one event loop.
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.socket.nio.NioDatagramChannel;

public class DatagramPeer {
  static class Echo extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      DatagramPacket packet = (DatagramPacket) message;
      context.write(new DatagramPacket(packet.content(), packet.sender()));
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      context.flush();
    }
  }

  public static void main(String[] args) throws Exception {
    new Bootstrap()
        .group(new NioEventLoopGroup(1))
        .channel(NioDatagramChannel.class)
        .handler(new Echo())
        .bind(args.length > 1 ? args[1] : "127.0.0.1", Integer.parseInt(args[0]))
        .sync();
    System.out.println("ready");
  }
}
