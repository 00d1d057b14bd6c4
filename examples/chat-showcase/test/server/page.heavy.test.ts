// The page in real headless Chromium.
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

  it('comes back, for both, when the server was stopped and started again', {
    timeout,
  }, async () => {
    running = await RunningChat.start();
    const { port } = running;
    const [ann, bob] = [await signIn('ann'), await signIn('bob')];
    await running.chat.shutdown();
    await running.stop();
    for (const page of [ann, bob])
      await page
        .getByText(/Reconnecting/)
        .first()
        .waitFor();
    running = await RunningChat.start({ port });
    for (const page of [ann, bob]) {
      await page.getByTestId('connection-label').getByText('Online').waitFor({ timeout: 40_000 });
    }
    await say(bob, 'we are back');
    await hears(ann, 'we are back');
    // Attempts while nobody listened are the only thing that the browser may complain about.
    expect(browser.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual(
      [],
    );
  });

  it('tells a refused client the reason', { timeout }, async () => {
    running = await RunningChat.start({ tokens: { ann: 'secret' } });
    const page = await browser.open(running.port);
    await page.getByTestId('name').fill('ann');
    await page.getByText('this server asks for one').waitFor();
    await page.getByTestId('join').click();
    await page.getByText('This server asks for a token.').waitFor();
    await page.getByTestId('token').fill('guess');
    await page.getByTestId('join').click();
    await page.getByText('does not let this name in').waitFor();
    await page.getByTestId('token').fill('secret');
    await page.getByTestId('join').click();
    await page.getByText('Online').first().waitFor();
  });

  it('asks for no token where none is needed', { timeout }, async () => {
    running = await RunningChat.start();
    const page = await browser.open(running.port);
    expect(await page.getByTestId('token').isVisible()).toBe(false);
  });

  it('shows all members, and their transports', { timeout }, async () => {
    running = await RunningChat.start();
    await running.join('lines', 'nina');
    await running.join('frames', 'fred');
    const ann = await signIn('ann');
    const people = ann.getByTestId('person');
    await expect
      .poll(() => people.allTextContents())
      .toEqual(['Aannyoupage', 'Ffredframes', 'Nninalines']);
    expect(await ann.getByTestId('people-count').textContent()).toBe('3');
    expect(await ann.getByTestId('invite').isVisible()).toBe(false);
    await running.join('lines', 'zoe');
    await expect.poll(() => people.last().textContent()).toBe('Zzoelines');
    expect(browser.complaints).toEqual([]);
  });

  it('shows a single member how others can join, with each command to copy', {
    timeout,
  }, async () => {
    running = await RunningChat.start();
    const { port } = running;
    const ann = await signIn('ann');
    const invite = ann.getByTestId('invite');
    await invite.waitFor();
    expect(await axeViolations(ann)).toEqual([]);
    await ann.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await invite.getByRole('button', { name: 'Copy nc' }).click();
    await expect
      .poll(() => ann.evaluate('navigator.clipboard.readText()'))
      .toBe(`nc 127.0.0.1 ${port}`);
    const command = `npm run chat -- bob --host 127.0.0.1 --port ${port}`;
    await invite.getByText(command).waitFor();
    // The second tab is somebody else: under the same name it would kick the first.
    const [second] = await Promise.all([
      ann.context().waitForEvent('page'),
      invite.getByRole('link', { name: 'http://' }).click(),
    ]);
    await second.getByTestId('join').waitFor();
    expect(await second.getByTestId('name').inputValue()).toBe('');
    await second.reload();
    await second.close();
    const link = invite.getByRole('link', { name: 'Headrace' });
    expect(await link.getAttribute('href')).toBe('https://github.com/headrace/headrace');
    await running.join('lines', 'bob');
    await invite.waitFor({ state: 'hidden' });
  });

  it('says several lines, makes links of addresses only, and shows the time once', {
    timeout,
  }, async () => {
    running = await RunningChat.start();
    const nina = await running.join('lines', 'nina');
    const ann = await signIn('ann');
    expect(await nina.next()).toBe('JOIN:ann');
    await ann.getByTestId('message-input').pressSequentially('one');
    await ann.getByTestId('message-input').press('Shift+Enter');
    await ann.getByTestId('message-input').pressSequentially('two');
    await ann.getByTestId('message-input').press('Enter');
    expect(await nina.next()).toBe('MSG:ann:one two');
    const texts = ann.getByTestId('messages').getByTestId('message-text');
    await expect.poll(() => texts.last().textContent()).toBe('one\ntwo');
    nina.send('see https://a.example/x, <a href="javascript:alert(1)">here</a>');
    nina.send('and more');
    await hears(ann, 'and more');
    const link = ann.getByTestId('messages').getByRole('link');
    expect(await link.count()).toBe(1);
    expect(await link.getAttribute('rel')).toBe('noopener noreferrer nofollow');
    expect(await ann.locator('#messages .message:not(.own) time').count()).toBe(2);
    expect(await ann.locator('#messages .continued .sender').first().boundingBox()).toMatchObject({
      width: 1,
    });
  });

  it('has what was said before one came, and while one was away', { timeout }, async () => {
    running = await RunningChat.start();
    const nina = await running.join('lines', 'nina');
    nina.send('said before');
    const ann = await signIn('ann');
    await hears(ann, 'said before');
    await ann.getByText('Above: what was said last.').waitFor();
    const open = running.ground.sessions.channel('ann')!;
    await ann.context().setOffline(true);
    open.parent!.abort();
    await ann
      .getByText(/Reconnecting/)
      .first()
      .waitFor();
    nina.send('said meanwhile');
    await ann.context().setOffline(false);
    await ann.getByText(/what others wrote meanwhile/).waitFor({ timeout: 40_000 });
    const texts = ann.getByTestId('messages').getByTestId('message-text');
    expect(await texts.allTextContents()).toEqual(['said before', 'said meanwhile']);
  });

  it('stays signed in over a reload, and has what was said', { timeout }, async () => {
    running = await RunningChat.start();
    const nina = await running.join('lines', 'nina');
    const ann = await signIn('ann');
    await say(ann, 'mine');
    nina.send('hers');
    await hears(ann, 'hers');
    await ann.reload();
    await ann.getByTestId('connection-label').getByText('Online').waitFor();
    await hears(ann, 'hers');
    const texts = ann.getByTestId('messages').getByTestId('message-text');
    expect(await texts.allTextContents()).toEqual(['mine', 'hers']);
    nina.send('after it');
    await hears(ann, 'after it');
    expect(running.ground.sessions.size).toBe(2);
    expect(browser.complaints).toEqual([]);
  });

  it('says once that it is back, however often the line was cut meanwhile', {
    timeout,
  }, async () => {
    running = await RunningChat.start();
    const ann = await signIn('ann');
    const notices = () => ann.getByTestId('notice').allTextContents();
    await expect.poll(notices).toEqual(['You are in as ann.']);
    for (let cut = 1; cut <= 3; cut += 1) {
      const { sessions } = running.ground;
      const old = sessions.channel('ann')!;
      old.parent!.abort();
      await expect
        .poll(() => [undefined, old].includes(sessions.channel('ann')), { timeout })
        .toBe(false);
      const back = expect.stringMatching(/^Back after \d+ s\. Nobody wrote meanwhile\.$/);
      await expect.poll(notices).toEqual(['You are in as ann.', back]);
    }
  });

  it('divides what came while one was reading something else', { timeout }, async () => {
    running = await RunningChat.start();
    const nina = await running.join('lines', 'nina');
    const ann = await signIn('ann');
    for (let i = 0; i < 40; i++) nina.send(`number ${i}`);
    await hears(ann, 'number 39');
    expect(await ann.getByTestId('unread').count()).toBe(0);
    // The page knows of it with the event, which comes with the next frame.
    await ann.getByTestId('log').evaluate((log) => {
      const scrolled = new Promise<void>((resolve) => {
        log.addEventListener('scroll', () => resolve(), { once: true });
      });
      log.scrollTop = 0;
      return scrolled;
    });
    nina.send('news one');
    nina.send('news two');
    await ann.getByTestId('new-messages').getByText('2 new messages').waitFor();
    expect(await ann.getByTestId('unread').count()).toBe(1);
    const after = ann.locator('[data-testid=unread] + li');
    expect(await after.textContent()).toContain('news one');
    await say(ann, 'I have seen it');
    await hears(ann, 'I have seen it');
    expect(await ann.getByTestId('unread').count()).toBe(0);
  });

  it('says once that it was kicked', { timeout }, async () => {
    running = await RunningChat.start();
    const ann = await signIn('ann');
    await running.join('lines', 'ann');
    await ann.getByTestId('take-over').waitFor();
    await ann.waitForTimeout(100);
    expect(await ann.getByText('Someone signed in under this name').count()).toBe(1);
  });

  it('is one person with another tab of its browser, and knows it', { timeout }, async () => {
    running = await RunningChat.start();
    const ann = await signIn('ann');
    const other = await ann.context().newPage();
    await other.goto(ann.url());
    await other.getByTestId('name').fill('Ann');
    await other.getByTestId('join').click();
    await ann.getByText('You went on in another tab of this browser.').waitFor();
    expect(await other.getByTestId('connection-label').textContent()).toBe('Online');
    await ann.getByTestId('take-over').click();
    await other.getByText('You went on in another tab of this browser.').waitFor();
    expect(running.ground.sessions.size).toBe(1);
  });

  it('speaks as often as its server wants, and shows the round trip', { timeout }, async () => {
    running = await RunningChat.start({ readerIdleSeconds: 5 });
    const ann = await signIn('ann');
    expect(await ann.getByTestId('round-trip').textContent()).toMatch(/^(< 1|\d+) ms$/);
    await ann.waitForTimeout(12_000);
    expect(await ann.getByTestId('connection-label').textContent()).toBe('Online');
    expect(running.ground.sessions.size).toBe(1);
    expect(await ann.getByTestId('notice').count()).toBe(1);
  });

  it('needs one connection at a time', { timeout }, async () => {
    running = await RunningChat.start({ maxConnectionsPerAddress: 1 });
    const ann = await signIn('ann');
    await say(ann, 'alone on one connection');
    await hears(ann, 'alone on one connection');
  });
});
