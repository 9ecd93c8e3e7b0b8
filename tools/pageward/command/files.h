// Files that are there as a whole or not at all.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pageward::tool {

/// Returns what `path` holds. Throws Failure.
std::string ReadFile(const std::string& path);

/// Makes the folder `path`, and those above it, and returns whether it was not there. Throws
/// Failure if it can't be one to write into.
bool MakeFolder(const std::string& path);

/// Removes the folder `path` if nothing is in it.
void RemoveEmptyFolder(const std::string& path);

/// Writes files, given by name and contents, into the folder `path`: first all under temporary
/// names, and then each gets its own. Throws Failure; then nothing new is there, unless renaming
/// itself failed.
void WriteFiles(const std::string& path,
                const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace pageward::tool
