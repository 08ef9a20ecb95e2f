type Method<This, Args extends unknown[], Return> = (this: This, ...args: Args) => Return;
type ArgsOf<F> = F extends (...args: infer Args) => unknown ? Args : never;
type ReturnOf<F> = F extends (...args: never[]) => infer Return ? Return : never;

export interface SpyCall<Self = unknown, Args extends unknown[] = unknown[], Return = unknown> {
  args: Args;
  returned?: Return;
  error?: Error;
  self?: Self;
}

export interface Spy<Self = unknown, Args extends unknown[] = unknown[], Return = unknown> {
  (this: Self, ...args: Args): Return;
  original: Method<Self, Args, Return>;
  calls: SpyCall<Self, Args, Return>[];
  restored: boolean;
  restore(): void;
}

export interface MethodSpy<Self = unknown, Args extends unknown[] = unknown[], Return = unknown>
  extends Spy<Self, Args, Return>, Disposable {}

export interface Stub<Self = unknown, Args extends unknown[] = unknown[], Return = unknown>
  extends MethodSpy<Self, Args, Return> {
  fake: Method<Self, Args, Return>;
}

export function spy(): Spy<unknown, unknown[], undefined>;
export function spy<Self, Args extends unknown[], Return>(
  func: Method<Self, Args, Return>,
): Spy<Self, Args, Return>;
export function spy<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): MethodSpy<Self, ArgsOf<Self[Prop]>, ReturnOf<Self[Prop]>>;

export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): Stub<Self, ArgsOf<Self[Prop]>, ReturnOf<Self[Prop]> | undefined>;
export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
  func: Method<Self, ArgsOf<Self[Prop]>, ReturnOf<Self[Prop]>>,
): Stub<Self, ArgsOf<Self[Prop]>, ReturnOf<Self[Prop]>>;

interface AnySpy {
  calls: { args: unknown[] }[];
}
export function assertSpyCalls(spy: AnySpy, expectedCalls: number): void;
export function assertSpyCall(
  spy: AnySpy,
  callIndex: number,
  expected?: Pick<SpyCall, "args" | "returned" | "self">,
): void;
