// Programs of others at the other end: Debian's mosquitto and its clients, and paho for Python.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bootstrap, type Channel, type Context } from '@headrace/core';
import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../core/test/fixture/free-port.ts';
import { SmallBroker } from './small-broker.ts';

const exists = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args).error === undefined;
const hasMosquitto = exists('mosquitto', '-h') && exists('mosquitto_pub', '--help');
if (!hasMosquitto && process.env['CI'] === 'true') {
  throw new Error('mosquitto is missing: apt-get install mosquitto mosquitto-clients');
}
const hasPaho = spawnSync('python3', ['-c', 'import paho.mqtt.client']).status === 0;

const folder = mkdtempSync(join(tmpdir(), 'headrace-mqtt-'));
const programs: ChildProcess[] = [];
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  for (const program of programs.splice(0)) {
    if (program.exitCode !== null || program.signalCode !== null) continue;
    program.kill('SIGKILL');
    await once(program, 'exit');
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function until(isDone: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (isDone()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no ${what}`);
}

/** Starts a program, and collects its output. */
function start(command: string, ...args: string[]): { output(): string } {
  const program = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  programs.push(program);
  let text = '';
  for (const stream of [program.stdout, program.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  return { output: () => text };
}

/** Connects a client of ours, and collects the packets that it reads. */
async function connectTo(port: number, protocolLevel: number) {
  const read: MqttPacket[] = [];
  const channel: Channel = await new Bootstrap()
    .handler((one) => {
      one.pipeline.addLast(new MqttDecoder({ maxTopicAliases: 5 }), new MqttEncoder(), {
        channelRead: (_ctx: Context, packet: MqttPacket) => void read.push(packet),
      });
    })
    .connect({ host: '127.0.0.1', port });
  open.push({ close: () => channel.close() });
  const send = (packet: MqttPacket) => void channel.writeAndFlush(packet);
  const nextOf = async <T extends MqttPacket['type']>(type: T) => {
    await until(() => read.some((packet) => packet.type === type), type);
    const [packet] = read.splice(
      read.findIndex((one) => one.type === type),
      1,
    );
    return packet as Extract<MqttPacket, { type: T }>;
  };
  const isNew = protocolLevel === 5;
  send({
    type: 'connect',
    protocolLevel,
    cleanSession: true,
    keepAliveSeconds: 30,
    clientId: isNew ? '' : 'client',
    ...(isNew ? { properties: { sessionExpirySeconds: 0, receiveMaximum: 10 } } : {}),
  });
  return { channel, send, nextOf };
}

describe.skipIf(!hasMosquitto)('mosquitto', () => {
  async function startMosquitto(): Promise<number> {
    const port = await freePort();
    const config = join(folder, `${port}.conf`);
    writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_topic_alias 10\n`);
    const { output } = start('mosquitto', '-c', config);
    await until(() => output().includes('running'), 'mosquitto');
    return port;
  }

  it.each([4, 5])('serves our client with every packet: level %i', async (level) => {
    const { channel, send, nextOf } = await connectTo(await startMosquitto(), level);
    const connack = await nextOf('connack');
    expect(connack.returnCode).toBe(0);
    if (level === 5) expect(connack.properties?.assignedClientIdentifier).toBeTruthy();
    const subscriptions = [
      { topic: 'a/+', qos: 2 as const },
      ...(level === 5 ? [{ topic: '$share/g/b', qos: 1 as const }] : []),
    ];
    const properties = { userProperties: [['k', 'v']] as const, contentType: 'text/plain' };
    const ofLevel = level === 5 ? { properties } : {};
    send({ type: 'subscribe', packetId: 1, subscriptions });
    expect((await nextOf('suback')).granted).toEqual(subscriptions.map(({ qos }) => qos));
    for (const qos of [0, 1, 2] as const) {
      const id = qos === 0 ? {} : { packetId: 10 + qos };
      const payload = Buffer.from(`qos ${qos}`);
      const fields = { type: 'publish', topic: 'a/b', qos, dup: false, retain: false } as const;
      send({ ...fields, ...id, payload, ...ofLevel });
      if (qos === 1) expect(await nextOf('puback')).toMatchObject({ packetId: 11 });
      if (qos === 2) {
        await nextOf('pubrec');
        send({ type: 'pubrel', packetId: 12 });
        await nextOf('pubcomp');
      }
      const got = await nextOf('publish');
      expect(got).toMatchObject({ topic: 'a/b', qos, payload, ...ofLevel });
      if (qos === 1) send({ type: 'puback', packetId: got.packetId! });
      if (qos === 2) {
        send({ type: 'pubrec', packetId: got.packetId! });
        await nextOf('pubrel');
        send({ type: 'pubcomp', packetId: got.packetId! });
      }
    }
    if (level === 5) {
      const fields = { type: 'publish', qos: 0, dup: false, retain: false } as const;
      const payload = Buffer.from('aliased');
      send({ ...fields, topic: 'b', payload, properties: { topicAlias: 1 } });
      send({ ...fields, topic: '', payload, properties: { topicAlias: 1 } });
      expect((await nextOf('publish')).topic).toBe('b');
      expect((await nextOf('publish')).topic).toBe('b');
    }
    send({ type: 'unsubscribe', packetId: 2, topics: ['a/+', 'never'] });
    const { reasonCodes } = await nextOf('unsuback');
    expect(reasonCodes).toEqual(level === 5 ? [0, 0x11] : undefined);
    send({ type: 'pingreq' });
    await nextOf('pingresp');
    send({ type: 'disconnect' });
    await until(() => !channel.isOpen, 'end');
  });

  it.each(['mqttv311', 'mqttv5', 'mqttv31'])(
    'has clients that our server serves: %s',
    async (version) => {
      const broker = new SmallBroker();
      const server = await broker.bind();
      open.push(server);
      const common = ['-h', '127.0.0.1', '-p', String(server.port), '-V', version, '-t', 'a/b'];
      const isNew = version === 'mqttv5';
      const format = isNew ? '%p %q %C %P' : '%p %q';
      const subscriber = start('mosquitto_sub', ...common, '-q', '2', '-C', '3', '-F', format);
      await until(() => broker.received.some(({ type }) => type === 'subscribe'), 'subscribe');
      const properties = isNew
        ? ['-D', 'publish', 'user-property', 'k', 'v', '-D', 'publish', 'content-type', 't']
        : [];
      for (const qos of ['0', '1', '2']) {
        start('mosquitto_pub', ...common, '-q', qos, '-m', `m${qos}`, ...properties);
        const line = `m${qos} ${qos}${isNew ? ' t k:v' : ''}\n`;
        await until(() => subscriber.output().includes(line), line);
      }
      const types = new Set(broker.received.map(({ type }) => type));
      for (const type of [
        'connect',
        'publish',
        'pubrel',
        'pubrec',
        'pubcomp',
        'puback',
        'disconnect',
      ]) {
        expect(types).toContain(type);
      }
    },
  );
});

const PAHO = `
import sys, paho.mqtt.client as m
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes
new = sys.argv[2] == '5'
c = m.Client(m.CallbackAPIVersion.VERSION2, 'paho', protocol=m.MQTTv5 if new else m.MQTTv311)
props = None
if new:
    props = Properties(PacketTypes.PUBLISH); props.UserProperty = ('k', 'v'); props.TopicAlias = 1
left = [3]
def on_connect(c, *_): print('connect', str(_[2]), flush=True); c.subscribe('a/b', 2)
def on_subscribe(c, *_): [c.publish('a/b', 'm%d' % q, q, properties=props) for q in (0, 1, 2)]
def on_message(c, u, msg):
    print(msg.payload.decode(), msg.qos, getattr(msg.properties, 'UserProperty', '') if new else '', flush=True)
    left[0] -= 1
    if left[0] == 0: c.unsubscribe('a/b')
def on_unsubscribe(c, *_): print('unsubscribed', flush=True); c.disconnect()
c.on_connect, c.on_subscribe, c.on_message, c.on_unsubscribe = on_connect, on_subscribe, on_message, on_unsubscribe
c.connect('127.0.0.1', int(sys.argv[1])); c.loop_forever()
`;

describe.skipIf(!hasPaho)('paho for Python', () => {
  it.each(['4', '5'])('is served by our server: level %s', async (level) => {
    const server = await new SmallBroker().bind();
    open.push(server);
    const { output } = start('python3', '-c', PAHO, String(server.port), level);
    await until(() => output().includes('unsubscribed'), 'unsubscribed');
    const tail = level === '5' ? " [('k', 'v')]" : ' ';
    for (const qos of [0, 1, 2]) expect(output()).toContain(`m${qos} ${qos}${tail}\n`);
  });
});
