#include "tools/pageward/command/failure.h"

namespace pageward::tool {

std::string InOneLine(std::string_view text) {
  std::string line;
  for (const char character : text) {
    const bool is_blank = character == '\n' || character == '\r' || character == '\t';
    const char shown = is_blank ? ' ' : character;
    if (shown != ' ' || (!line.empty() && line.back() != ' ')) {
      line.push_back(shown);
    }
  }
  while (!line.empty() && line.back() == ' ') {
    line.pop_back();
  }
  return line;
}

}  // namespace pageward::tool
