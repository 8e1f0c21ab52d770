/* The nearest K rows by squared l2, over rows in memory, as a C compiler makes of a plain loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define K 10

static float distance(const float *a, const float *b, size_t n) {
  float sum = 0;
  for (size_t i = 0; i < n; i++) {
    float d = a[i] - b[i];
    sum += d * d;
  }
  return sum;
}

static float *read_floats(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(2);
  fseek(file, 0, SEEK_END);
  long bytes = ftell(file);
  rewind(file);
  float *values = aligned_alloc(64, ((size_t)bytes + 63) / 64 * 64);
  if (!values || fread(values, 1, (size_t)bytes, file) != (size_t)bytes) exit(3);
  fclose(file);
  *count = (size_t)bytes / sizeof(float);
  return values;
}

/* flat-scan VECTORS QUERIES DIMENSION: prints the least milliseconds of a query, of CPU time as it waits for nothing,
   and the sum of rows found. */
int main(int count, char **arguments) {
  if (count != 4) return 1;
  size_t dimension = (size_t)atol(arguments[3]), values, asked;
  float *vectors = read_floats(arguments[1], &values);
  float *queries = read_floats(arguments[2], &asked);
  size_t rows = values / dimension, num_queries = asked / dimension;
  double least = 1e9;
  size_t check = 0;
  for (size_t run = 0; run < 60; run++) {
    const float *query = queries + (run % num_queries) * dimension;
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    float best[K];
    size_t ids[K], found = 0;
    for (size_t row = 0; row < rows; row++) {
      float d = distance(vectors + row * dimension, query, dimension);
      if (found == K && d >= best[K - 1]) continue;
      size_t at = found < K ? found++ : K - 1;
      for (; at > 0 && best[at - 1] > d; at--) {
        best[at] = best[at - 1];
        ids[at] = ids[at - 1];
      }
      best[at] = d;
      ids[at] = row;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double ms = (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
    if (ms < least) least = ms;
    check += ids[0];
  }
  printf("%.6f %zu\n", least, check);
  return 0;
}
