// npm run device -- NAME: a device that sends a temperature every second and answers commands.
import { connectDevice } from './device.ts';
import { notice } from './protocol.ts';
import { run } from './run.ts';
import { portSetting, textSetting } from './settings.ts';

await run(async () => {
  const channel = await connectDevice(textSetting('HOST', '127.0.0.1'), portSetting('PORT', 9000), {
    device: process.argv[2] ?? 'pump-7',
    token: textSetting('TOKEN', 'secret'),
    onNotice: (method, params) => console.log(method, params),
    onCommand: (method) => {
      console.log(`the gateway wants: ${method}`);
      return `${method}: done`;
    },
  });
  const measuring = setInterval(() => {
    const celsius = Math.round(200 + Math.random() * 20) / 10;
    void channel.writeAndFlush(notice('telemetry', { celsius }));
  }, 1000);
  channel.onClosed(() => {
    clearInterval(measuring);
    console.log(`the connection is closed: ${channel.closeInfo?.reason}`);
  });
  return { shutdown: async () => void (await channel.end()) };
});
