package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkerPoolTest {
  private static Job job(IntConsumer unit) {
    return new Job() {
      @Override
      void run(int index, Scratch scratch) {
        unit.accept(index);
      }
    };
  }

  @Test
  void everyUnitRunsOnceAndBeforeTheCallReturns() {
    for (int threads : new int[] {1, 2, 3, 8}) {
      try (WorkerPool pool = new WorkerPool(threads);
          Workers workers = pool.workers()) {
        AtomicIntegerArray ran = new AtomicIntegerArray(100);
        Job job = job(ran::incrementAndGet);
        for (int call = 1; call <= 300; call++) {
          int units = 1 + call % 100;
          workers.run(job, units);
          if (call % 100 == 0) {
            Thread.yield();
          }
        }
        int[] expected = new int[100];
        for (int call = 1; call <= 300; call++) {
          for (int unit = 0; unit < 1 + call % 100; unit++) {
            expected[unit]++;
          }
        }
        for (int unit = 0; unit < 100; unit++) {
          assertEquals(expected[unit], ran.get(unit), "unit " + unit);
        }
      }
    }
  }

  @Test
  void severalCallersUseOnePoolAtOnce() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(3)) {
      AtomicInteger wrong = new AtomicInteger();
      List<Thread> callers = new ArrayList<>();
      for (int c = 0; c < 5; c++) {
        callers.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      try (Workers workers = pool.workers()) {
                        AtomicInteger sum = new AtomicInteger();
                        Job job = job(sum::addAndGet);
                        for (int call = 0; call < 400; call++) {
                          sum.set(0);
                          workers.run(job, 40);
                          if (sum.get() != 40 * 39 / 2) {
                            wrong.incrementAndGet();
                          }
                        }
                      }
                    }));
      }
      for (Thread caller : callers) {
        caller.join();
      }
      assertEquals(0, wrong.get());
    }
  }

  @Test
  void sleepingThreadsWakeForWork() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      for (int call = 0; call < 5; call++) {
        Thread.sleep(5); // idle
        Set<Thread> ran = ConcurrentHashMap.newKeySet();
        workers.run(
            job(
                unit -> {
                  ran.add(Thread.currentThread());
                  while (ran.size() < 2) { // a unit each, so the other thread must come
                    Thread.onSpinWait();
                  }
                }),
            2);
        assertEquals(2, ran.size());
      }
    }
  }

  @Test
  void whatAUnitThrowsReachesTheCallerAndThePoolGoesOn() {
    try (WorkerPool pool = new WorkerPool(3);
        Workers workers = pool.workers()) {
      for (int call = 0; call < 50; call++) {
        int failing = call;
        AtomicInteger ran = new AtomicInteger();
        Job job =
            job(
                unit -> {
                  ran.incrementAndGet();
                  if (unit == failing) {
                    throw new IllegalArgumentException("unit " + unit);
                  }
                });
        Exception e = assertThrows(IllegalArgumentException.class, () -> workers.run(job, 50));
        assertEquals("unit " + failing, e.getMessage());
        assertEquals(50, ran.get());
        workers.run(job(unit -> {}), 50);
      }
      AssertionError error = new AssertionError("an error");
      Job job =
          job(
              unit -> {
                throw error;
              });
      assertSame(error, assertThrows(AssertionError.class, () -> workers.run(job, 1)));
    }
  }

  @Test
  void aClosedPoolHasNoThreadsAndTakesNoCallers() {
    WorkerPool pool = new WorkerPool(4);
    Set<Thread> ran = ConcurrentHashMap.newKeySet();
    Workers workers = pool.workers();
    workers.run(
        job(
            unit -> {
              ran.add(Thread.currentThread());
              while (ran.size() < 4) {
                Thread.onSpinWait();
              }
            }),
        4);
    assertEquals(4, pool.threads());
    workers.close();
    pool.close();
    ran.remove(Thread.currentThread());
    assertEquals(3, ran.size());
    ran.forEach(thread -> assertFalse(thread.isAlive(), thread.getName()));
    pool.close(); // again is no error
    Exception e = assertThrows(IllegalStateException.class, pool::workers);
    assertEquals("the worker pool is closed", e.getMessage());
  }

  @Test
  void noUnitsAreNoWorkAndNoThreadsAreRefused() {
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      AtomicInteger ran = new AtomicInteger();
      workers.run(job(unit -> ran.incrementAndGet()), 0);
      assertEquals(0, ran.get());
    }
    Refusal.of("threads: 0, needed at least 1", () -> new WorkerPool(0));
  }
}
