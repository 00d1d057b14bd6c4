// What Netty's HAProxyMessageDecoder makes of each line "MAX_TLV_SIZE FAIL_FAST CHUNK,CHUNK,..." (hex): one line of JSON each.
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxySSLTLV;
import io.netty.handler.codec.haproxy.HAProxyTLV;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

public final class HaproxyOracle {
    private static List<String> events;
    private static boolean isClosing;

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        StringBuilder out = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split(" ");
            out.append(run(parts[0], Boolean.parseBoolean(parts[1]), parts[2].split(","))).append('\n');
        }
        System.out.print(out);
    }

    private static String run(String maxTlvSize, boolean failFast, String[] chunks) {
        HAProxyMessageDecoder decoder = maxTlvSize.equals("null")
            ? new HAProxyMessageDecoder(failFast)
            : new HAProxyMessageDecoder(Integer.parseInt(maxTlvSize), failFast);
        EmbeddedChannel channel = new EmbeddedChannel(new Closing(), decoder, new Notes());
        List<String> lists = new ArrayList<>();
        isClosing = false;
        for (String chunk : chunks) {
            if (isClosing) break;
            events = new ArrayList<>();
            channel.writeInbound(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(chunk)));
            lists.add(list(events));
        }
        events = new ArrayList<>();
        // After a refusal, the end has this Netty refuse the same bytes again.
        if (!isClosing) {
            channel.pipeline().removeFirst();
            channel.close();
        }
        lists.add(list(events));
        return list(lists);
    }

    private static final class Closing extends ChannelOutboundHandlerAdapter {
        @Override
        public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
            events.add("{\"close\":true}");
            // A closed channel would not let the error through, which comes next.
            isClosing = true;
        }
    }

    private static final class Notes extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof ByteBuf) events.add("{\"bytes\":" + hex((ByteBuf) message) + "}");
            else events.add("{\"proxy\":" + header((HAProxyMessage) message) + "}");
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable error) {
            events.add("{\"error\":" + text(error.getClass().getSimpleName()) + "}");
        }
    }

    private static String header(HAProxyMessage message) {
        return "{\"version\":" + text(message.protocolVersion().name())
            + ",\"command\":" + text(message.command().name())
            + ",\"protocol\":" + text(message.proxiedProtocol().name())
            + ",\"source\":" + text(message.sourceAddress())
            + ",\"destination\":" + text(message.destinationAddress())
            + ",\"sourcePort\":" + message.sourcePort()
            + ",\"destinationPort\":" + message.destinationPort()
            + ",\"tlvs\":" + tlvs(message.tlvs()) + "}";
    }

    private static String tlvs(List<HAProxyTLV> tlvs) {
        return list(tlvs.stream().map(HaproxyOracle::tlv).collect(Collectors.toList()));
    }

    private static String tlv(HAProxyTLV tlv) {
        String plain = "{\"type\":" + (tlv.typeByteValue() & 255) + ",\"typeName\":" + text(tlv.type().name())
            + ",\"hex\":" + hex(tlv.content());
        if (!(tlv instanceof HAProxySSLTLV)) return plain + "}";
        HAProxySSLTLV ssl = (HAProxySSLTLV) tlv;
        return plain + ",\"ssl\":{\"clientSSL\":" + ssl.isPP2ClientSSL()
            + ",\"clientCertConn\":" + ssl.isPP2ClientCertConn()
            + ",\"clientCertSess\":" + ssl.isPP2ClientCertSess()
            + ",\"verify\":" + ssl.verify()
            + ",\"encapsulated\":" + tlvs(ssl.encapsulatedTLVs()) + "}}";
    }

    private static String hex(ByteBuf bytes) {
        return text(ByteBufUtil.hexDump(bytes));
    }

    private static String list(List<String> values) {
        return "[" + String.join(",", values) + "]";
    }

    private static String text(String value) {
        if (value == null) return "null";
        StringBuilder quoted = new StringBuilder("\"");
        for (char one : value.toCharArray()) {
            if (one < ' ' || one > '~' || one == '"' || one == '\\') quoted.append(String.format("\\u%04x", (int) one));
            else quoted.append(one);
        }
        return quoted.append('"').toString();
    }
}
