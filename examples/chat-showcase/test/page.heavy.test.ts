// The page in real headless Chromium: what is more than two people who talk.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations, hasChromium, hears, PageBrowser, say, suiteName } from './page-browser.ts';
import { RunningChat } from './running-chat.ts';

const timeout = 60_000;

describe.runIf(hasChromium)(suiteName('the page'), () => {
  let browser: PageBrowser;
  let running: RunningChat;

  beforeAll(async () => {
    browser = await PageBrowser.launch();
  }, timeout);

  afterAll(() => browser.close());

  afterEach(async () => {
    await browser.closePages();
    await running.stop();
  });

  const signIn = (name: string) => browser.signIn(running.port, name);

  it('comes back, for both, when the server was stopped and started again, and sends what was written meanwhile', {
    timeout,
  }, async () => {
    running = await RunningChat.start();
    const { port } = running;
    const [ann, bob] = [await signIn('ann'), await signIn('bob')];
    await running.chat.shutdown();
    await running.stop();
    for (const page of [ann, bob])
      await page.getByTestId('connection-label').getByText('Reconnecting').waitFor();
    await say(bob, 'we are back');
    await bob.getByTestId('outgoing-message').getByText('Waiting for the connection').waitFor();
    running = await RunningChat.start({ port });
    for (const page of [ann, bob]) {
      await page.getByTestId('connection-label').getByText('Online').waitFor({ timeout: 40_000 });
    }
    await hears(ann, 'we are back');
    await hears(bob, 'we are back');
    expect(await bob.getByTestId('outgoing-message').count()).toBe(0);
    // Attempts while nobody listened are the only thing that the browser may complain about.
    expect(browser.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual(
      [],
    );
  });

  it('tells a refused client the reason, and asks for a token only where one is needed', {
    timeout,
  }, async () => {
    running = await RunningChat.start({ tokens: { ann: 'secret' } });
    const page = await browser.open(running.port);
    await page.getByTestId('name').fill('ann');
    await page.getByTestId('token').fill('guess');
    await page.getByTestId('join').click();
    await page.getByText('does not let this name in').first().waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByTestId('token').fill('secret');
    await page.getByTestId('join').click();
    await page.getByTestId('connection-label').getByText('Online').waitFor();
    await running.stop();
    running = await RunningChat.start();
    const other = await browser.open(running.port);
    expect(await other.getByTestId('token').isVisible()).toBe(false);
  });

  it('shows who is here, and who comes and goes', { timeout }, async () => {
    running = await RunningChat.start();
    await running.join('lines', 'nina');
    const ann = await signIn('ann');
    const people = ann.getByTestId('person');
    await expect.poll(() => people.allTextContents()).toEqual(['Aannyou', 'Nnina']);
    const zoe = await running.join('lines', 'zoe');
    await expect.poll(() => people.last().textContent()).toBe('Zzoe');
    expect(await ann.getByTestId('people-count').textContent()).toBe('3');
    zoe.destroy();
    await ann.getByTestId('notice').getByText('zoe left').waitFor();
    await expect.poll(() => people.count()).toBe(2);
    expect(await axeViolations(ann)).toEqual([]);
    expect(browser.complaints).toEqual([]);
  });

  it('has what was said before one came, and while one was away', { timeout }, async () => {
    running = await RunningChat.start();
    const nina = await running.join('lines', 'nina');
    nina.send('said before');
    const ann = await signIn('ann');
    await hears(ann, 'said before');
    const open = running.ground.sessions.channel('ann')!;
    await ann.context().setOffline(true);
    open.parent!.abort();
    await ann.getByTestId('connection-label').getByText('Reconnecting').waitFor();
    nina.send('said meanwhile');
    await ann.context().setOffline(false);
    await ann.getByText('Back. Above: what others wrote.').waitFor({ timeout: 40_000 });
    const texts = ann.getByTestId('messages').getByTestId('message-text');
    expect(await texts.allTextContents()).toEqual(['said before', 'said meanwhile']);
  });

  it('says once that it was kicked, and comes back when it is asked to', { timeout }, async () => {
    running = await RunningChat.start();
    const ann = await signIn('ann');
    const other = await running.join('lines', 'ann');
    await ann.getByTestId('banner').getByText('Someone signed in under this name').waitFor();
    await ann.getByTestId('retry-now').click();
    expect((await other.ended()).at(-1)).toBe('ERR:KICKED');
    await ann.getByTestId('connection-label').getByText('Online').waitFor();
  });

  it('says several lines, and refuses words of the protocol', { timeout }, async () => {
    running = await RunningChat.start();
    const nina = await running.join('lines', 'nina');
    const ann = await signIn('ann');
    expect(await nina.next()).toBe('JOIN:ann');
    const input = ann.getByTestId('message-input');
    await input.pressSequentially('one');
    await input.press('Shift+Enter');
    await input.pressSequentially('two');
    await input.press('Enter');
    expect(await nina.next()).toBe('MSG:ann:one two');
    await say(ann, 'who');
    await ann.getByTestId('composer-hint').getByText('alone reaches nobody').waitFor();
    await say(ann, 'x'.repeat(65_536));
    await ann.getByTestId('composer-hint').getByText('too long').waitFor();
  });
});
