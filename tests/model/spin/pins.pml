/* A window's pin against an eviction: the protocol of keys/domain_keys.h, for every order of steps.
 *
 * Two threads open windows on two domains, which share one key. What a processor stores stays in its
 * buffer until it is drained, at any time, so a thread's second look may be made before others can
 * see its pin: that is the one reordering that x86 allows (SDM, volume 3A, section 9.2.3.4).
 *
 * While a thread is inside a window the pages of that domain carry the key, and nobody else's do:
 * its rights are for the key, so they would be for whichever domain got it. With NO_BARRIER,
 * NO_SECOND_LOOK or UNPIN_EARLY the protocol lacks something, and the model must find it out.
 */
#define THREADS 2

byte resident = 1;      /* which domain has the key, as threads see it; 0: none */
byte carrier = 1;       /* whose pages carry it in truth */
byte opened[THREADS];   /* the domain that a thread has the key open for; 0: closed */
bit pin[THREADS];       /* as others see it */
bit stored[THREADS];    /* the thread's last store to its pin */
bit is_buffered[THREADS];
bit is_locked;

#define STORE_PIN(value) atomic { stored[me] = value; is_buffered[me] = 1 }
#define SAFE (opened[0] == 0 || opened[0] == carrier) && (opened[1] == 0 || opened[1] == carrier)

inline drain(thread) {
  atomic {
    if
    :: is_buffered[thread] -> pin[thread] = stored[thread]; is_buffered[thread] = 0
    :: else
    fi
  }
}

/* membarrier(2): every processor has drained its buffer when it returns. */
inline synchronize() {
#ifdef NO_BARRIER
  skip
#else
  drain(0);
  drain(1)
#endif
}

inline close_window() {
#ifdef UNPIN_EARLY
  STORE_PIN(0);
  opened[me] = 0
#else
  opened[me] = 0;
  STORE_PIN(0)
#endif
}

/* DomainKeys::Load() with its lock held; is_done says whether the domain has the key now. */
inline load(domain) {
  if
  :: resident == domain -> is_done = 1
  :: else ->
    former = resident;
    resident = 0;
    synchronize();
    if
    :: pin[0] || pin[1] -> resident = former; is_done = 0
    :: else ->
      carrier = 0;
      carrier = domain;
      resident = domain;
      is_done = 1
    fi
  fi
}

active [THREADS] proctype thread() {
  byte me = _pid;
  byte wanted;
  byte former;
  bit is_done;

  do
  :: if
     :: wanted = 1
     :: wanted = 2
     fi;
     /* The inlined half. */
     if
     :: resident == wanted ->
       STORE_PIN(1);
#ifdef NO_SECOND_LOOK
       opened[me] = wanted; close_window()
#else
       if
       :: resident == wanted -> opened[me] = wanted; close_window()
       :: else -> STORE_PIN(0)
       fi
#endif
     :: else ->
       /* The slow half: the lock drains the buffer on both ends. */
       atomic { !is_locked -> is_locked = 1 };
       drain(me);
       load(wanted);
       if
       :: is_done -> STORE_PIN(1)
       :: else
       fi;
       drain(me);
       is_locked = 0;
       if
       :: is_done -> opened[me] = wanted; close_window()
       :: else
       fi
     fi
  od
}

/* Buffers drain by themselves, in their own time. */
active proctype processors() {
  do
  :: is_buffered[0] -> drain(0)
  :: is_buffered[1] -> drain(1)
  od
}

active proctype observer() {
  do
  :: !(SAFE) -> assert(false)
  :: SAFE -> skip
  od
}
