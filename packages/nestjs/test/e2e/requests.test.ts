import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom, from, lastValueFrom, of, toArray, } from 'rxjs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NestApp } from '../nest-app.ts';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @MessagePattern({ cmd: 'each' })
  each(@Payload() numbers: number[]): unknown {
    return from(numbers);
  }
}
let app: NestApp;
beforeEach(async () => {
  app = await NestApp.start([SumController]);
});
afterEach(() => app.end());

it('answers', async () => {
  const client = app.client();
  expect(await firstValueFrom(client.send('sum', [1, 2, 3]))).toBe(6);
  expect(await lastValueFrom(client.send({ cmd: 'each' }, [1, 2, 3]).pipe(toArray()))).toEqual([1,2,3]);
});
