// Must not compile without unmapped memory: see CMakeLists.txt.
#include "runtime/frame/request.h"

namespace pageward::frame {

constexpr Visibility kWanted = Visibility::kUnmapped;
constexpr Freetype kWantedType = Freetype::Unmapped();
constexpr Request kWantedRequest = Request::Unmapped();

}  // namespace pageward::frame
