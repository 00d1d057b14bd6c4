import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { concat, from, NEVER, type Observable, of, scan, throwError } from 'rxjs';

const add = (a: number, b: number): number => a + b;

/** The arithmetic that Nest tries its own transporters with, and some more. */
@Controller()
export class SumService {
  static noted: unknown[] = [];

  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce(add, 0);
  }

  @MessagePattern({ cmd: 'sum', nested: { b: 2, a: 1 } })
  nested(@Payload() numbers: number[]): number {
    return this.sum(numbers);
  }

  @MessagePattern({ cmd: 'async' })
  async later(@Payload() numbers: number[]): Promise<number> {
    return this.sum(numbers);
  }

  @MessagePattern({ cmd: 'observable' })
  observable(@Payload() numbers: number[]): Observable<number> {
    return of(this.sum(numbers));
  }

  @MessagePattern({ cmd: 'promise of observable' })
  async promiseOfObservable(@Payload() numbers: number[]): Promise<Observable<number>> {
    return of(this.sum(numbers));
  }

  @MessagePattern({ cmd: 'steps' })
  steps(@Payload() numbers: number[]): Observable<number> {
    return from(numbers).pipe(scan(add));
  }

  @MessagePattern({ cmd: 'nothing' })
  nothing(): void {}

  @MessagePattern({ cmd: 'void stream' })
  emptyStream(): Observable<never> {
    return from([]);
  }

  @MessagePattern({ cmd: 'never' })
  never(): Observable<never> {
    return NEVER;
  }

  @MessagePattern({ cmd: 'refuse' })
  refuse(@Payload() why: unknown): never {
    throw new RpcException(why as string);
  }

  @MessagePattern({ cmd: 'refuse stream' })
  refuseStream(): Observable<number> {
    return throwError(() => new RpcException({ code: 7, message: 'seven' }));
  }

  @MessagePattern({ cmd: 'break' })
  break(): never {
    throw new Error('a secret of the server');
  }

  @MessagePattern({ cmd: 'echo' })
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern({ cmd: 'cycle' })
  cycle(): Observable<unknown> {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    return concat(of(1, cycle), NEVER);
  }

  @EventPattern('noted')
  note(@Payload() data: unknown): void {
    SumService.noted.push(data);
  }
}

/** Events go to every handler of their pattern. */
@Controller()
export class SecondListener {
  static noted: unknown[] = [];

  @EventPattern('noted')
  note(@Payload() data: unknown): void {
    SecondListener.noted.push(data);
  }
}
